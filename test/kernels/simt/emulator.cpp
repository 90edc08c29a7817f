// The scheduler behind emulator.h: one fibre a lane, one warp at a time until it meets an operation that needs the others.
#include "emulator.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <vector>

#if !defined(__x86_64__)
#error "the emulator switches fibres in x86-64 assembly"
#endif

Index3 threadIdx, blockIdx, blockDim;

// Saves what the ABI asks a callee to keep, then goes on where `to` was left.
extern "C" void simt_switch(void** from, void* to);
asm(R"(
.text
.globl simt_switch
.type simt_switch, @function
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
)");

namespace simt {
namespace {
constexpr int STACK = 1 << 17, WARP = 32, WORDS = 12288;  // WORDS: the 48 KB of shared memory that need no opt-in

struct Lane {
  void* stack_pointer = nullptr;
  std::vector<char> stack;
  bool done = false;
  Operation waits = Operation::NONE;
  int argument = 0;
  float value = 0, result = 0;
};

// When an access happened: by how many barriers its warp and its block had passed.
struct Moment {
  int thread = -1, warp_epoch = 0, block_epoch = 0;
};
struct Word {
  Moment writer;
  std::vector<Moment> readers;  // the last of each warp; thread -2 stands for several lanes
};

std::vector<Lane> lanes;
std::vector<int> warp_epoch;
alignas(16) float memory[WORDS];
std::vector<Word> shadow;
int current, shared_count, block_epoch;
void* scheduler;
Call kernel;
const int64* arguments;
std::string failure;

std::map<std::string, Call>& registry() {
  static std::map<std::string, Call> kernels;
  return kernels;
}

void leave() { simt_switch(&lanes[current].stack_pointer, scheduler); }

// Ends the run; the fibre that found the mistake is not resumed.
[[noreturn]] void fail(const std::string& what) {
  failure = what + " (block " + std::to_string(blockIdx.x) + ", thread " + std::to_string(threadIdx.x) + ")";
  leave();
  std::abort();
}

void lane_main() {
  kernel(arguments);
  lanes[current].done = true;
  leave();
  std::abort();
}

void start(Lane& lane) {
  lane.stack.resize(STACK);
  lane.done = false;
  lane.waits = Operation::NONE;
  auto top = reinterpret_cast<std::uintptr_t>(lane.stack.data() + STACK) & ~std::uintptr_t(15);
  auto* slot = reinterpret_cast<void**>(top) - 2;
  *slot = reinterpret_cast<void*>(lane_main);  // where the first switch returns to, with the stack as after a call
  lane.stack_pointer = slot - 6;
}

void resume(int thread) {
  current = thread;
  threadIdx = {thread, 0, 0};
  simt_switch(&scheduler, lanes[thread].stack_pointer);
}

bool ordered(const Moment& earlier, int thread) {
  const int warp = thread / WARP;
  if (earlier.thread == thread) return true;
  if (earlier.thread >= 0 && earlier.thread / WARP != warp) return earlier.block_epoch < block_epoch;
  return earlier.warp_epoch < warp_epoch[warp];
}

Word& word_at(const float* shared) {
  const std::ptrdiff_t at = shared - memory;
  if (at < 0 || at >= shared_count) fail("an access outside shared memory, at word " + std::to_string(at));
  return shadow[at];
}

Moment now() {
  const int warp = current / WARP;
  return {current, warp_epoch[warp], block_epoch};
}

// Completes the operation that a warp waits for, if all its lanes do.
bool complete_warp(int warp) {
  Lane* lane = &lanes[warp * WARP];
  int done = 0, barrier = 0;
  for (int i = 0; i < WARP; i++) {
    done += lane[i].done;
    barrier += !lane[i].done && lane[i].waits == Operation::SYNC_BLOCK;
  }
  if (done == WARP || barrier == WARP) return false;
  for (int i = 0; i < WARP; i++) {
    if (lane[i].done || lane[i].waits != lane[0].waits) {
      failure = "lanes of warp " + std::to_string(warp) + " are at different warp-wide operations: lane 0 and lane " +
                std::to_string(i);
      return false;
    }
  }
  bool any = false;
  for (int i = 0; i < WARP; i++) any = any || lane[i].value != 0;
  for (int i = 0; i < WARP; i++) {
    const int from = lane[i].waits == Operation::SHUFFLE_XOR ? i ^ lane[i].argument : lane[i].argument & (WARP - 1);
    lane[i].result = lane[i].waits == Operation::ANY ? any : lane[from & (WARP - 1)].value;
  }
  if (lane[0].waits == Operation::SYNC_WARP) warp_epoch[warp]++;
  for (int i = 0; i < WARP; i++) lane[i].waits = Operation::NONE;
  return true;
}

// Opens the block's barrier if all its threads are there.
bool complete_block() {
  for (const Lane& lane : lanes) {
    if (lane.done || lane.waits != Operation::SYNC_BLOCK) return false;
  }
  for (Lane& lane : lanes) lane.waits = Operation::NONE;
  for (int& epoch : warp_epoch) epoch++;
  block_epoch++;
  return true;
}

void run_block(int threads, std::mt19937& random) {
  const int warps = threads / WARP;
  lanes.resize(threads);
  for (Lane& lane : lanes) start(lane);
  warp_epoch.assign(warps, 0);
  block_epoch = shared_count = 0;
  std::fill(memory, memory + WORDS, NAN);
  std::vector<int> order(WARP), warp_order(warps);
  for (int i = 0; i < WARP; i++) order[i] = i;
  for (int i = 0; i < warps; i++) warp_order[i] = i;
  for (;;) {
    bool moved = false, all_done = true;
    std::shuffle(warp_order.begin(), warp_order.end(), random);
    for (int warp : warp_order) {
      std::shuffle(order.begin(), order.end(), random);
      for (int i : order) {
        Lane& lane = lanes[warp * WARP + i];
        if (lane.done || lane.waits != Operation::NONE) continue;
        resume(warp * WARP + i);
        if (!failure.empty()) return;
        moved = true;
      }
      moved = complete_warp(warp) || moved;
      if (!failure.empty()) return;
      for (int i = 0; i < WARP; i++) all_done = all_done && lanes[warp * WARP + i].done;
    }
    if (all_done) return;
    moved = complete_block() || moved;
    if (!moved) {
      failure = "no warp can go on: some have ended or wait for another barrier";
      return;
    }
  }
}
}  // namespace

Registration::Registration(const char* name, Call call) { registry()[name] = call; }

float meet(Operation operation, float value, int argument) {
  Lane& lane = lanes[current];
  lane.waits = operation;
  lane.value = value;
  lane.argument = argument;
  leave();
  return lane.result;
}

void sync_block(int threads) {
  if (threads != blockDim.x) fail("a barrier for other threads than the block has");
  lanes[current].waits = Operation::SYNC_BLOCK;
  leave();
}

float* shared_memory(int count) {
  if (count > WORDS) fail("more shared memory than a block has");
  if (shared_count != count) {
    shared_count = count;
    shadow.assign(count, Word());
  }
  return memory;
}

float read(const float* shared) {
  Word& word = word_at(shared);
  if (word.writer.thread >= 0 && !ordered(word.writer, current))
    fail("a race: a lane reads shared word " + std::to_string(shared - memory) + ", which thread " +
         std::to_string(word.writer.thread) + " wrote with no barrier between");
  const std::size_t warp = current / WARP;
  if (word.readers.size() <= warp) word.readers.resize(warp + 1);
  Moment& reader = word.readers[warp];
  const Moment moment = now();
  const bool another = reader.thread != -1 && reader.thread != current && reader.warp_epoch == moment.warp_epoch;
  reader = moment;
  if (another) reader.thread = -2;
  return *shared;
}

void write(float* shared, float value) {
  Word& word = word_at(shared);
  if (word.writer.thread >= 0 && !ordered(word.writer, current))
    fail("a race: two lanes write shared word " + std::to_string(shared - memory) + " with no barrier between");
  for (std::size_t warp = 0; warp < word.readers.size(); warp++) {
    Moment reader = word.readers[warp];
    if (reader.thread == -1) continue;
    const bool same_warp = warp == std::size_t(current / WARP);
    const bool after = reader.thread == current ||
                       (same_warp ? reader.warp_epoch < warp_epoch[warp] : reader.block_epoch < block_epoch);
    if (!after) fail("a race: a lane overwrites shared word " + std::to_string(shared - memory) + ", which another reads with no barrier between");
  }
  word.writer = now();
  word.readers.clear();
  *shared = value;
}
}  // namespace simt

// Runs a registered kernel; returns 0, or 1 with what went wrong in `message`.
extern "C" int simt_run(const char* name, int64 blocks, int64 threads, const int64* arguments, int64 seed, char* message,
                        int64 message_size) {
  using namespace simt;
  failure.clear();
  const auto found = registry().find(name);
  if (found == registry().end()) failure = std::string("no kernel has the name ") + name;
  else if (threads % WARP) failure = "a block must be whole warps";
  if (failure.empty()) {
    kernel = found->second;
    simt::arguments = arguments;
    blockDim = {int(threads), 1, 1};
    std::mt19937 random(seed);
    for (int64 block = 0; block < blocks && failure.empty(); block++) {
      blockIdx = {int(block), 0, 0};
      run_block(int(threads), random);
    }
  }
  std::strncpy(message, failure.c_str(), message_size - 1);
  return failure.empty() ? 0 : 1;
}
