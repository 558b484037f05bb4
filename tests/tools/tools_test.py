"""The checkers check: each test plants one offence in a tree of its own and expects it to be found, and only it."""
import contextlib
import io
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
import check_layers  # noqa: E402
import check_links  # noqa: E402
import check_tree  # noqa: E402
import test_all  # noqa: E402


class Lexicon(unittest.TestCase):
    def test_lists_that_are_found_by_halving_are_sorted_and_share_nothing(self):
        rare, known = ((ROOT / "models" / "lexicon" / f"{name}-words.txt").read_bytes().split() for name in ("rare", "known"))
        self.assertGreater(len(rare), 50_000)
        self.assertEqual(rare, sorted(set(rare)))
        self.assertEqual(set(rare) & set(known), set())


class Tree(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)

    def put(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


class Layers(Tree):
    def found(self):
        return list(check_layers.offences(self.root))

    def test_allowed_includes_pass(self):
        self.put("include/reflex/types.h", '#include <string>\n')
        self.put("lib/base/digest.cc", '#include "base/digest.h"\n#include <openssl/evp.h>\n#include "reflex/types.h"\n')
        self.put("server/http/task.h", "#include <boost/asio/awaitable.hpp>\n")
        self.put("server/gateway/chat.cc", '#include "cache/cache.h"\n#include "http/server.h"\n#include "wire/sse.h"\n')
        self.put("server/main.cc", '#include "app/run.h"\n')
        self.assertEqual(self.found(), [])

    def test_a_lower_room_may_not_include_a_higher_one(self):
        self.put("lib/base/files.cc", '#include "store/store.h"\n')
        self.assertEqual(self.found(), ["lib/base/files.cc:1: room base may not include store/store.h"])

    def test_rooms_of_one_layer_may_not_include_each_other(self):
        self.put("server/http/server.cc", '#include "wire/sse.h"\n')
        self.put("server/wire/sse.cc", '#include "http/server.h"\n')
        self.assertEqual(len(self.found()), 2)

    def test_the_library_may_not_include_the_server(self):
        self.put("lib/cache/cache.cc", '#include "gateway/gateway.h"\n')
        self.assertEqual(len(self.found()), 1)

    def test_third_party_headers_stay_in_their_room(self):
        self.put("server/gateway/chat.cc", "#include <boost/asio.hpp>\n")
        self.put("lib/store/store.h", "#include <lmdb.h>\n")
        self.assertEqual(len(self.found()), 2)

    def test_private_headers_stay_in_their_room(self):
        self.put("server/gateway/chat.cc", '#include "http/detail/socket.h"\n')
        self.assertEqual(self.found(), ["server/gateway/chat.cc:1: http/detail/socket.h is private to its room"])

    def test_an_unknown_room_is_an_offence(self):
        self.put("server/misc/tool.cc", "\n")
        self.assertEqual(len(self.found()), 1)

    def test_an_empty_tree_is_an_offence(self):
        self.assertEqual(len(self.found()), 1)


class TreeRules(Tree):
    def found(self):
        return list(check_tree.offences(self.root))

    def test_a_good_tree_passes(self):
        self.put("lib/base/a.cc", "// see https://www.rfc-editor.org/rfc/rfc9110 and http://127.0.0.1:8080/v1\n")
        self.put("tests/lib/base/a_test.cc", "\n")
        self.put("tests/lib/base/CMakeLists.txt", "reflex_test(base_test SOURCES a_test.cc LINK reflex_base)\n")
        self.put("README.md", "curl https://api.openai.com/v1\n")
        self.assertEqual(self.found(), [])

    def test_a_stray_source_file(self):
        self.put("helper.py", "\n")
        self.assertEqual(self.found(), ["helper.py: a source file outside the known folders"])

    def test_a_source_file_without_a_target(self):
        self.put("tests/lib/base/CMakeLists.txt", "reflex_test(base_test SOURCES a_test.cc LINK reflex_base)\n")
        self.put("tests/lib/base/b_test.cc", "\n")
        self.assertEqual(len(self.found()), 1)

    def test_machine_paths_and_registries(self):
        self.put("docs/a.md", "see /{}/notes.txt\n".format("root"))
        self.put("docs/b.md", "from https:{}registry.somewhere.org/openai\n".format("//"))
        self.assertEqual(len(self.found()), 2)

    def test_work_left_undone(self):
        self.put("lib/base/a.cc", "// TO" "DO: later\n// TO" "DO(#12): later\n")
        self.assertEqual(len(self.found()), 1)

    def test_a_document_that_does_not_exist(self):
        self.put("docs/store.md", "\n")
        self.put("lib/base/a.h", "// Described in docs/store.md.\n// And in docs/key.md.\n")
        self.assertEqual(self.found(), ["lib/base/a.h:2: names a document that does not exist: docs/key.md"])

    def test_a_lock_file_that_names_its_source(self):
        self.put("tests/conformance/package-lock.json", '{"packages":{"node_modules/a":{"resolved":"http://localhost/a.tgz"}}}')
        self.assertEqual(len(self.found()), 1)


class Links(Tree):
    def found(self):
        return list(check_links.offences(self.root))

    def test_links_and_headings_resolve(self):
        self.put("docs/a.md", "# The `one` table: all\n")
        self.put("README.md", "[a](docs/a.md) [b](docs/a.md#the-one-table-all) [c](https://example.com/x) `[d](nowhere.md)`\n")
        self.assertEqual(self.found(), [])

    def test_broken_links_are_found(self):
        self.put("docs/a.md", "# One\n")
        self.put("README.md", "[a](docs/b.md)\n[b](docs/a.md#two)\n")
        self.assertEqual(self.found(), ["README.md:1: docs/b.md does not exist", "README.md:2: docs/a.md#two: no such heading"])


class Report(Tree):
    def read(self, cases):
        self.put("report.xml", f"<testsuite>{cases}</testsuite>")
        with contextlib.redirect_stdout(io.StringIO()) as said:
            return test_all.read_report(self.root / "report.xml"), said.getvalue()

    def test_counts(self):
        cases = ('<testcase name="a" status="run"/><testcase name="b" status="fail"><system-out>why</system-out></testcase>'
                 '<testcase name="c" status="notrun"><skipped message="SKIP_REGULAR_EXPRESSION_MATCHED"/></testcase>'
                 '<testcase name="d" status="notrun"><skipped message="Unable to find executable"/></testcase>')
        counts, said = self.read(cases)
        self.assertEqual(counts, (1, 2))
        self.assertIn("why", said)
        self.assertIn("skipped: c", said)

    def test_a_report_without_tests_is_a_failure(self):
        with self.assertRaises(test_all.CannotRun):
            self.read("")

    def test_a_command_without_counts_is_a_failure(self):
        with self.assertRaises(test_all.CannotRun):
            test_all.counted("self-test", [sys.executable, "-c", "print('hello')"])

    def test_a_bad_exit_status_counts_although_nothing_failed(self):
        script = "print('3 passed, 0 failed'); raise SystemExit(2)"
        with contextlib.redirect_stdout(io.StringIO()):
            self.assertEqual(test_all.counted("self-test", [sys.executable, "-c", script]), (3, 1))


if __name__ == "__main__":
    unittest.main()
