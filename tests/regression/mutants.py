#!/usr/bin/env python3
"""Plants each of the original's defects in a copy of the tree and shows that its test fails.

usage: mutants.py [--check] [--keep FOLDER] [NN ...]

--check        only look whether every defect can still be planted: the text it replaces stands in its file exactly once
--keep FOLDER  the copy and its build; used again the next time (default build/mutants in the tree)
NN             only these defects
Building the copy takes some minutes, each defect less than one. Exit status 1 when a test does not notice its defect.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from project_files import project_files  # noqa: E402

ONE_AT_A_TIME = "static base::Mutex one_at_a_time;\n  base::MutexLock one(one_at_a_time);\n  "

# Number, tests, file, what stands there, what the defect puts there.
MUTANTS = [
    ("01", "IdleStop.*", "server/gateway/gateway.cc",
     "IsProbePath(context.head().path) ? nullptr : context.thread.activity", "nullptr"),
    ("02", "EmbeddingDimension.*", "lib/vector/local_index.cc",
     "LocalIndex::dimension() const { return core_->dimension(); }", "LocalIndex::dimension() const { return 384; }"),
    ("03", "CloudDefaults.*", "server/app/maintenance_options.h",
     "bool stop_instance = false;", "bool stop_instance = true;"),
    ("04", "EmbedderLock.*", "lib/cache/semantic_judge.cc",
     "  std::optional<Embedding>& held = model_ != nullptr ? question.by_model : question.by_words;\n",
     "  " + ONE_AT_A_TIME + "std::optional<Embedding>& held = model_ != nullptr ? question.by_model : question.by_words;\n"),
    ("05", "HalfPrecision.*", "lib/base/half.cc",
     "static_cast<std::uint16_t>(bytes[2 * i] | bytes[2 * i + 1] << 8)",
     "static_cast<std::uint16_t>(bytes[2 * i] << 8 | bytes[2 * i + 1])"),
    ("06", "EmbeddingTwice.*", "lib/cache/semantic_tier.cc",
     "    SimilarFound found = lookup.Run();\n", "    SimilarFound found = lookup.Run();\n    found.vector.reset();\n"),
    ("07", "StorageFanOut.*", "lib/cache/semantic_lookup.cc",
     "found_.vector->text, parts_.options.candidates_max)", "found_.vector->text, 1'000'000)"),
    ("08", "ChunkId.*", "server/wire/chat_replay.cc",
     "  out.append(head).append(once);\n  once.clear();\n",
     "  head.insert(13, \"x\");\n  out.append(head).append(once);\n  once.clear();\n"),
    ("09", "SettingsNumbers.*", "server/app/setting.cc",
     "ParseNumber(setting, text);\n    if (!number) return refuse();", "ParseNumber(setting, text);\n    if (!number) return {};"),
    ("10", "NanScores.*", "lib/vector/local_index.cc",
     "    if (!std::isfinite(similarity)) continue;\n", ""),
    ("11", "BadThreshold.*", "lib/cache/semantic_tier.cc",
     "options.max_wrong_hits <= 0.2)) return refuse(\"max_wrong_hits\", \"0.0005 to 0.2\");",
     "options.max_wrong_hits <= 0.2)) std::terminate();"),
    ("12", "OddAnswer.*", "server/wire/chat_answer.cc",
     "    answer.unstorable = kNotJson;\n    return answer;\n", "    answer.unstorable = kNotJson;\n    __builtin_trap();\n"),
    ("13", "CollectionOnce.*", "server/remote/qdrant_index.cc",
     "  if (!desk->ready()) prepared = desk->Prepare(desk->options.write_time_limit);",
     "  prepared = desk->Prepare(desk->options.write_time_limit);"),
    ("14", "KeyAllocation.*", "lib/cache/memory_tier.cc",
     "EntryPtr MemoryTier::Find(const Digest& key, std::int64_t read_from_ns) {\n",
     "EntryPtr MemoryTier::Find(const Digest& key, std::int64_t read_from_ns) {\n"
     "  static thread_local std::string name;\n  name = std::string(key.bytes.begin(), key.bytes.end());\n"),
    ("15", "ReadersLock.*", "lib/vector/local_index.cc",
     "  REFLEX_TRY(const double norm, CheckedNorm(vector, dimension()));\n",
     "  " + ONE_AT_A_TIME + "REFLEX_TRY(const double norm, CheckedNorm(vector, dimension()));\n"),
    ("16", "SyncPerWrite.*", "lib/store/lmdb_store.cc",
     "  auto queued = queue_.Put(std::move(entry), visibility_.clears_asked.load(std::memory_order_acquire));\n",
     "  auto queued = queue_.Put(std::move(entry), visibility_.clears_asked.load(std::memory_order_acquire));\n"
     "  if (queued) queued = queue_.Flush(std::chrono::seconds(10));\n"),
    ("17", "CodeLengths.*", "lib/vector/code.cc",
     "  if (vector.size() != dimension) {", "  if (vector.size() < dimension - 1) {"),
    ("18", "IndexDimension.*", "lib/cache/semantic_tier.cc",
     "parts.index != nullptr && parts.index->dimension() != embedder.dimension()", "false"),
    ("19", "Oversampling.*", "lib/vector/local_index.cc",
     "options.lists.read_permille, 1, 1000) && options.oversampling <= kOversamplingMax &&",
     "options.lists.read_permille, 1, 1000) &&"),
    ("20", "Pooling.*", "lib/inference/pooling.cc",
     "    if (name == Name(pooling)) return pooling;", "    if (name == Name(pooling)) return Pooling::kMean;"),
    ("21", "IoErrors.*", "lib/base/files.cc",
     "  if (error == ENOSPC || error == EDQUOT) code = ErrorCode::kFull;\n", ""),
    ("22", "StrayFiles.*", "tools/check_tree.py",
     "        if folder == root:\n            return False\n", "        if folder == root:\n            return True\n"),
]


def offences(mutants):
    for number, tests, name, before, _ in mutants:
        count = (ROOT / name).read_text().count(before) if before else 0
        if count != 1:
            yield f"{number} {tests}: its text stands {count} times in {name}"


def update_copy(copy):
    """Files of the tree into the copy, where they differ, so that ninja builds little."""
    wanted = set(project_files(ROOT))
    for path in wanted:
        target = copy / path
        if not target.exists() or target.read_bytes() != (ROOT / path).read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target)
            target.touch()
    for path in project_files(copy):
        if path not in wanted:
            (copy / path).unlink()


def configure(copy, build):
    if not (build / "build.ninja").exists():
        subprocess.run(["cmake", "-S", copy, "-B", build, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++-19", "-DCMAKE_C_COMPILER=clang-19",
                        "-DCMAKE_BUILD_TYPE=Debug", "-DREFLEX_SANITIZE=address,undefined", "-DREFLEX_LLAMA=off"],
                       check=True, stdout=subprocess.DEVNULL)


def build_and_run(build, tests):
    """None where it does not build, else whether the tests passed."""
    made = subprocess.run(["ninja", "-C", build, "-j1", "regression"], capture_output=True, text=True)
    if made.returncode != 0:
        print(made.stdout[-3000:])
        return None
    program = build / "tests/regression/regression"
    try:
        run = subprocess.run([program, f"--gtest_filter={tests}"], capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0 and "[  PASSED  ]" in run.stdout and "[  PASSED  ] 0 tests" not in run.stdout


def try_mutant(copy, build, mutant):
    number, tests, name, before, after = mutant
    path = copy / name
    whole = path.read_text()
    try:
        include = '#include "base/mutex.h"\n' if ONE_AT_A_TIME in after else ""
        path.write_text(include + whole.replace(before, after))
        passed = build_and_run(build, tests)
    finally:
        path.write_text(whole)
    verdict = {None: "DOES NOT BUILD", True: "NOT NOTICED", False: "noticed"}[passed]
    print(f"{number} {tests} {verdict}", flush=True)
    return passed is False


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--keep", type=pathlib.Path, default=ROOT / "build/mutants")
    parser.add_argument("numbers", nargs="*")
    arguments = parser.parse_args()
    mutants = [mutant for mutant in MUTANTS if not arguments.numbers or mutant[0] in arguments.numbers]
    found = list(offences(mutants))
    print("\n".join(found) if found else f"{len(mutants)} defects can be planted")
    if found or arguments.check:
        sys.exit(1 if found else 0)
    # As in the tree itself, so that ccache knows most objects already.
    copy = arguments.keep.resolve() / "tree"
    build = copy / "build/asan"
    os.environ.update(CCACHE_BASEDIR=str(copy), CCACHE_NOHASHDIR="1")
    update_copy(copy)
    configure(copy, build)
    if build_and_run(build, ":".join(mutant[1] for mutant in mutants)) is not True:
        sys.exit("the tests fail without any defect")
    noticed = [try_mutant(copy, build, mutant) for mutant in mutants]
    print(f"{sum(noticed)} of {len(noticed)} defects noticed")
    sys.exit(0 if all(noticed) else 1)


if __name__ == "__main__":
    main()
