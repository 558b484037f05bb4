"""./dev in a tree of its own. build --models: whose llama.cpp is taken; CMake is the real one, the package and the build of it are not.
test: how packages are asked for; apt and sudo are not the real ones."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROJECT = """cmake_minimum_required(VERSION 3.25)
project(reflex LANGUAGES C CXX)
find_package(Threads REQUIRED)
include(cmake/ReflexLlama.cmake)
add_custom_target(reflex ALL)
file(WRITE ${CMAKE_SOURCE_DIR}/taken "${LLAMA_VERSION} from ${llama_DIR}")
"""
PACKAGE_VERSION = """set(PACKAGE_VERSION {version})
if(PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION_MIN OR NOT PACKAGE_VERSION VERSION_LESS PACKAGE_FIND_VERSION_MAX)
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
endif()
"""
# Stands for minutes of building: leaves what they leave, and a line.
BUILD = """#!/bin/sh
echo built >>"$(dirname "$0")/../calls"
mkdir -p "$1/lib/cmake" && cp -r "$(dirname "$0")/../pinned" "$1/lib/cmake/llama" && touch "$1/.reflex-llama"
"""


class Models(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        for name in ("dev", "CMakePresets.json", "cmake/ReflexLlama.cmake"):
            (self.root / name).parent.mkdir(exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        (self.root / "CMakeLists.txt").write_text(PROJECT)
        self.script("tools/build_llama.sh", BUILD)
        self.package(self.root / "pinned", "0.5.0")
        # Every package is said to be installed, and none is ever fetched.
        self.script("bin/dpkg-query", "#!/bin/sh\nprintf installed\n")
        self.script("bin/apt-get", "#!/bin/sh\nexit 1\n")

    def script(self, name, text):
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)

    def package(self, folder, version):
        folder.mkdir(parents=True)
        (folder / "llama-config.cmake").write_text(f"set(LLAMA_VERSION {version})\n")
        (folder / "llama-config-version.cmake").write_text(PACKAGE_VERSION.format(version=version))

    def build(self, installed):
        """Runs ./dev build --models where a llama.cpp of this version is installed; returns what CMake took."""
        self.package(self.root / "usr/lib/cmake/llama", installed)
        environment = {name: value for name, value in os.environ.items() if not name.upper().startswith(("REFLEX_", "CMAKE_"))}
        environment |= {"PATH": f"{self.root}/bin:{environment['PATH']}", "CMAKE_PREFIX_PATH": f"{self.root}/usr"}
        command = ["bash", self.root / "dev", "build", "--models"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return (self.root / "taken").read_text()

    def test_the_systems_llama_is_taken_where_it_fits(self):
        self.assertEqual(self.build("0.6.0"), f"0.6.0 from {self.root}/usr/lib/cmake/llama")
        self.assertFalse((self.root / "calls").exists(), "llama.cpp was built although one is installed")

    def test_one_that_does_not_fit_is_left_alone(self):
        installed = [found for prefix in ("usr", "usr/local") for lib in ("lib", "lib64", "lib/*")
                     for found in pathlib.Path("/").glob(f"{prefix}/{lib}/cmake/llama")]
        if installed:
            self.skipTest("this machine has a llama.cpp installed, which would be taken")
        self.assertEqual(self.build("0.9.0"), f"0.5.0 from {self.root}/build/llama/lib/cmake/llama")
        self.assertTrue((self.root / "calls").exists())


class Packages(unittest.TestCase):
    """What ./dev test does on a machine that has nothing yet and where it is not root."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name).resolve()
        shutil.copy(ROOT / "dev", self.root / "dev")
        # Nothing but these: a sudo of the machine's own must not be found.
        (self.root / "bin").mkdir()
        for name in ("awk", "bash", "cat", "dirname", "env", "wc"):
            (self.root / "bin" / name).symlink_to(shutil.which(name))
        self.script("sleep", "")
        self.script("id", "echo 1000")
        self.script("dpkg-query", "exit 1")
        self.script("apt-cache", 'case $* in *libboost-dev*) echo found ;; esac')
        self.script("apt-get", f'echo "$http_proxy $*" >>{self.root}/calls; exit 1')

    def script(self, name, text):
        path = self.root / "bin" / name
        path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
        path.chmod(0o755)

    def run_test(self):
        environment = {"PATH": f"{self.root}/bin", "http_proxy": "http://proxy:3128"}
        return subprocess.run(["bash", self.root / "dev", "test"], env=environment, capture_output=True, text=True, check=False)

    def test_without_sudo_the_command_can_be_pasted(self):
        done = self.run_test()
        self.assertEqual(done.returncode, 1)
        command = done.stderr.split("as root: ")[1]
        self.assertIn("pkg-config libboost-dev libssl-dev", command)
        self.assertNotIn("|", command)
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed")

    def test_sudo_does_not_lose_the_proxy(self):
        self.script("sudo", f'exec env -i PATH={self.root}/bin "$@"')
        done = self.run_test()
        self.assertEqual(done.stdout.splitlines()[-1], "0 passed, 1 failed")
        calls = (self.root / "calls").read_text().splitlines()
        self.assertTrue(all(call.startswith("http://proxy:3128 ") for call in calls), calls)


if __name__ == "__main__":
    unittest.main()
