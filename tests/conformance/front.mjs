// A front as stands before several gateways: hands each new connection to the next of them, byte for byte, resets included.
// It holds a new connection for a moment first: an answer is the other gateways' some milliseconds after it was given, and the kit
// asks again at once.
import net from 'node:net';

const HOLD_MS = 100;

// Starts a front before gateways on these ports; returns its server and port, and how many connections each gateway was given.
export function startFront(ports) {
  const given = ports.map(() => 0);
  let next = 0;
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const place = next++ % ports.length;
    given[place]++;
    client.on('error', () => {}); // Join heeds it; a reset may come before.
    setTimeout(() => {
      if (client.destroyed) return;
      const gateway = net.connect({ port: ports[place], host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      join(client, gateway);
      join(gateway, client);
    }, HOLD_MS);
  });
  return new Promise((ok, fail) => {
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => ok({ server, port: server.address().port, given }));
  });
}

// What comes from one side goes to the other: bytes, the end, and a reset as a reset.
function join(from, to) {
  from.pipe(to);
  from.on('error', () => to.resetAndDestroy());
  from.on('close', () => !to.destroyed && !from.readableEnded && to.resetAndDestroy());
}
