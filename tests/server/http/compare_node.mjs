// Feeds each request of parser_corpus.txt to Node's strict HTTP server and to our parser, and fails where ours differs from the
// corpus, where Node refuses what we accept (unless the corpus says why), or where both accept but see bodies of different length.
//   node compare_node.mjs HTTP_VERDICT CORPUS
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect } from "node:net";

const allowedReasons = new Set(["method"]);
const [verdictProgram, corpusFile] = process.argv.slice(2);

const unescape = (text) =>
  Buffer.from(
    text.replace(/\\(x[0-9A-Fa-f]{2}|.)/g, (_, e) =>
      e[0] === "x" ? String.fromCharCode(parseInt(e.slice(1), 16)) : { r: "\r", n: "\n", t: "\t" }[e] ?? e),
    "latin1");

const cases = readFileSync(corpusFile, "utf8").split("\n").filter((line) => line && !line.startsWith("#")).map((line) => {
  const [name, status, node, ...raw] = line.split("\t");
  return { name, status: Number(status), node, raw: unescape(raw.join("\t")) };
});

const ours = new Map(execFileSync(verdictProgram, [corpusFile], { encoding: "utf8" }).trim().split("\n").map((line) => {
  const [name, status, bytes] = line.split(" ");
  return [name, { status: Number(status), bytes: Number(bytes) }];
}));

// Node's verdict: the whole request reached a handler (200 and the body's bytes), or it was refused, or it waits for more (0).
const server = createServer({ insecureHTTPParser: false, keepAliveTimeout: 1000 }, (request, response) => {
  let bytes = 0;
  request.on("data", (piece) => (bytes += piece.length));
  request.on("end", () => response.end(`bytes=${bytes}`));
  request.on("error", () => {});
});
server.on("connect", (_, socket) => socket.end("HTTP/1.1 501 Not Implemented\r\n\r\n"));

const ask = (raw) =>
  new Promise((resolve) => {
    const socket = connect(server.address().port, "127.0.0.1");
    let text = "";
    let timer;
    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      const status = Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0);
      resolve({ status, bytes: Number(/bytes=(\d+)/.exec(text)?.[1] ?? 0) });
    };
    socket.on("data", (piece) => {
      text += piece.toString("latin1");
      if (/bytes=\d+/.test(text)) finish();
    });
    socket.on("close", finish);
    socket.on("error", finish);
    socket.write(raw);
    timer = setTimeout(finish, 1500);
  });

server.listen(0, "127.0.0.1", async () => {
  const failures = [];
  let stricter = 0;
  const verdicts = await Promise.all(cases.map(({ raw }) => ask(raw)));
  cases.forEach(({ name, status, node }, i) => {
    const our = ours.get(name);
    const theirs = verdicts[i];
    if (our.status !== status) failures.push(`${name}: the corpus says ${status}, our parser ${our.status}`);
    if (node !== "same" && !allowedReasons.has(node)) failures.push(`${name}: unknown reason "${node}"`);
    if (our.status !== 200 && theirs.status === 200) stricter++;
    if (our.status !== 200) return;
    if (theirs.status !== 200 && node === "same") failures.push(`${name}: we accept it, Node says ${theirs.status}`);
    if (theirs.status === 200 && theirs.bytes !== our.bytes) failures.push(`${name}: body of ${our.bytes} bytes, Node sees ${theirs.bytes}`);
  });
  for (const failure of failures) console.log(failure);
  console.log(`${cases.length} requests, ${stricter} that only we refuse, ${failures.length} failures (Node ${process.version})`);
  process.exit(failures.length ? 1 : 0);
});
