#include "cli/isolated.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <vector>

#include <fmt/format.h>

namespace burnish::cli {
namespace {

using Clock = std::chrono::steady_clock;

bool write_all(int fd, const void* data, std::size_t size) {
  const char* at = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t n = ::write(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

bool read_all(int fd, void* data, std::size_t size) {
  char* at = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t n = ::read(fd, at, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    at += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

[[noreturn]] void serve(int in, int out, const std::function<std::string(int)>& task) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) ::signal(signal, SIG_DFL);  // the parent reports
  int index = 0;
  while (read_all(in, &index, sizeof index)) {
    const std::string output = task(index);
    const auto size = static_cast<uint32_t>(output.size());
    if (!write_all(out, &size, sizeof size) || !write_all(out, output.data(), output.size())) break;
  }
  std::fflush(stderr);
  ::_exit(0);
}

struct Worker {
  pid_t process = -1;
  int to = -1, from = -1;
  int task = -1;  // -1: idle
  Clock::time_point started;
  std::string received;
};

class Team {
 public:
  Team(double timeout, const std::function<std::string(int)>& task) : timeout_(timeout), task_(task) {}
  ~Team() {
    for (Worker& w : workers_) stop(w);
  }
  std::vector<Worker>& workers() { return workers_; }

  Status start(Worker& worker) {
    int down[2], up[2];
    if (::pipe2(down, O_CLOEXEC) != 0) return io_error(std::strerror(errno), "pipe");
    if (::pipe2(up, O_CLOEXEC) != 0) {
      ::close(down[0]);
      ::close(down[1]);
      return io_error(std::strerror(errno), "pipe");
    }
    std::fflush(stdout);
    std::fflush(stderr);
    const pid_t parent = ::getpid();
    const pid_t process = ::fork();
    if (process == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::getppid() != parent) ::_exit(0);
      // The other workers' pipes would keep them waiting after the parent is gone.
      for (const Worker& w : workers_)
        for (const int fd : {w.to, w.from})
          if (fd >= 0) ::close(fd);
      ::close(down[1]);
      ::close(up[0]);
      serve(down[0], up[1], task_);
    }
    ::close(down[0]);
    ::close(up[1]);
    worker = Worker{.process = process, .to = down[1], .from = up[0], .task = -1, .started = {}, .received = {}};
    if (process < 0) {
      stop(worker);
      return io_error(fmt::format("cannot start a process: {}", std::strerror(errno)));
    }
    return {};
  }

  // Ends the process and says how it ended.
  std::string stop(Worker& worker, bool kill = false) {
    for (int* fd : {&worker.to, &worker.from})
      if (*fd >= 0) ::close(std::exchange(*fd, -1));
    if (worker.process <= 0) return {};
    if (kill) ::kill(worker.process, SIGKILL);
    int status = 0;
    while (::waitpid(worker.process, &status, 0) < 0 && errno == EINTR) {
    }
    worker.process = -1;
    if (kill) return fmt::format("takes longer than {} s", timeout_);
    if (WIFSIGNALED(status)) return fmt::format("crashes: {}", ::strsignal(WTERMSIG(status)));
    return fmt::format("ends the process with code {}", WEXITSTATUS(status));
  }

  bool late(const Worker& worker) const {
    return worker.task >= 0 && std::chrono::duration<double>(Clock::now() - worker.started).count() > timeout_;
  }

 private:
  double timeout_;
  const std::function<std::string(int)>& task_;
  std::vector<Worker> workers_;
};

// The output in `received`, when all of it is there.
bool complete(const std::string& received, std::string& output) {
  uint32_t size = 0;
  if (received.size() < sizeof size) return false;
  std::memcpy(&size, received.data(), sizeof size);
  if (received.size() - sizeof size < size) return false;
  output = received.substr(sizeof size, size);
  return true;
}

}  // namespace

Status run_isolated(int count, int processes, double timeout_seconds, const std::function<std::string(int)>& task,
                    const std::function<void(int, TaskResult)>& done) {
  const auto old_pipe = ::signal(SIGPIPE, SIG_IGN);
  struct Restore {
    void (*handler)(int);
    ~Restore() { ::signal(SIGPIPE, handler); }
  } restore{old_pipe};
  Team team(timeout_seconds, task);
  auto& workers = team.workers();
  workers.resize(static_cast<std::size_t>(std::clamp(processes, 1, std::max(count, 1))));
  int next = 0, finished = 0;
  while (finished < count) {
    for (Worker& w : workers) {
      if (w.task >= 0 || next >= count) continue;
      if (w.process <= 0) TRY(team.start(w));
      w.task = next++;
      w.started = Clock::now();
      w.received.clear();
      // A worker that died while idle shows when its end of the pipe is read.
      write_all(w.to, &w.task, sizeof w.task);
    }
    std::vector<pollfd> waits;
    for (const Worker& w : workers) waits.push_back({.fd = w.task >= 0 ? w.from : -1, .events = POLLIN, .revents = 0});
    ::poll(waits.data(), waits.size(), 200);
    for (std::size_t i = 0; i < workers.size(); ++i) {
      Worker& w = workers[i];
      if (w.task < 0) continue;
      TaskResult result;
      bool over = false;
      if (waits[i].revents != 0) {
        char buffer[1 << 16];
        const ssize_t n = ::read(w.from, buffer, sizeof buffer);
        if (n > 0) {
          w.received.append(buffer, static_cast<std::size_t>(n));
          over = complete(w.received, result.output);
        } else if (n == 0 || errno != EINTR) {
          result.died = team.stop(w);
          over = true;
        }
      }
      if (!over && team.late(w)) {
        result.died = team.stop(w, true);
        over = true;
      }
      if (!over) continue;
      done(w.task, std::move(result));
      w.task = -1;
      ++finished;
    }
  }
  return {};
}

}  // namespace burnish::cli
