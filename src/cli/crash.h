#pragma once

namespace burnish::cli {

// A bug that stops the process ends it with exit code 5 and a report to send; a file that shrinks while it is read, with 4.
void install_crash_report(int argc, char** argv, bool json);

}  // namespace burnish::cli
