#pragma once

namespace burnish::cli {

// A bug that stops the process ends it with exit code 5 and a report to send; a file that shrinks while it is read, with 4;
// memory that runs out inside LLVM, with 3.
void install_crash_report(int argc, char** argv, bool json);

// The message and the exit code where there is no memory to make them of.
int give_up_without_memory() noexcept;

}  // namespace burnish::cli
