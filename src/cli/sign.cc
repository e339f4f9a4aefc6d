// burnish key, burnish sign: whose a plan is.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "cli/build_options.h"
#include "cli/command.h"
#include "cli/limits.h"
#include "runtime/plan.h"

namespace burnish::cli {
namespace {

struct KeyOptions {
  std::string what, name;
};

// A new file, never in the place of another: a key that is lost is lost.
Status write_new(const std::string& path, const std::string& line, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return io_error(std::string("cannot create: ") + std::strerror(errno), path, "choose another name");
  const std::string text = line + "\n";
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  const int error = errno;
  ::close(fd);
  if (written) return {};
  ::unlink(path.c_str());
  return io_error(std::string("cannot write: ") + std::strerror(error), path);
}

Result<int> make_key(Console& console, const KeyOptions& options) {
  const std::string secret = options.name + ".key", open = options.name + ".pub";
  const SecretKey key = SecretKey::make();
  const std::string text = key.public_key().text();
  TRY(write_new(secret, key.text(), 0600));
  if (Status status = write_new(open, text, 0644); !status) {
    ::unlink(secret.c_str());
    return std::unexpected(std::move(status).error());
  }
  console.report = {{"secret", secret}, {"public", open}, {"key", text}};
  console.print("{}\n", text);
  console.say("{} signs plans: keep it to yourself. {} is for those who load them.\n", secret, open);
  return 0;
}

Action setup_key(CLI::App& app) {
  auto options = std::make_shared<KeyOptions>();
  app.add_option("what", options->what, "new")->required()->check(CLI::IsMember({"new"}))->type_name("new");
  app.add_option("name", options->name, "Of the files NAME.key and NAME.pub")->required()->type_name("NAME");
  return [options](Console& console) { return make_key(console, *options); };
}

struct SignOptions {
  std::string plan, key, output;
};

Result<int> sign(Console& console, const SignOptions& options) {
  const SecretKey key = TRY(find_secret_key(options.key));
  const auto plan = TRY(Plan::open(options.plan, {}, limits()));
  ThreadPool pool(thread_count(0));
  TRY(sign_plan(*plan, key, options.output, &pool));
  const std::string text = key.public_key().text();
  console.report = {{"file", options.plan}, {"engine", options.output}, {"key", text}};
  console.say("{}: signed with {}\n", options.output, text);
  return 0;
}

Action setup_sign(CLI::App& app) {
  auto options = std::make_shared<SignOptions>();
  app.add_option("plan", options->plan, "Engine")->required()->type_name("ENGINE");
  app.add_option("--key", options->key, "The secret key")->required()->type_name("NAME.key");
  app.add_option("-o,--output", options->output, "The engine to write, which may be the same")
      ->required()
      ->type_name("ENGINE");
  return [options](Console& console) { return sign(console, *options); };
}

}  // namespace

constinit const Command kKey = {
    "key", "Make a pair of keys for signing engines",
    R"(  burnish key new mine    writes mine.key, which signs, and mine.pub, which others require)", setup_key};

constinit const Command kSign = {"sign", "Sign an engine, so that others can require it to be yours",
                                 R"(  burnish sign model.plan --key mine.key -o signed.plan
  burnish sign model.plan --key mine.key -o model.plan      in place)",
                                 setup_sign};

}  // namespace burnish::cli
