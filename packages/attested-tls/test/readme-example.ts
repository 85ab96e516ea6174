import { execFileSync } from 'node:child_process';
import type { Cmc } from '@cmc/api';
import type { AttestationResult } from '@cmc/attestationreport';
import { connect, createServer } from '@cmc/attested-tls';

// A certificate for this example; yours come from your CA.
const args = 'req -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=localhost';
const names = ['-addext', 'subjectAltName=DNS:localhost', '-keyout', '-'];
const pem = execFileSync('openssl', [...args.split(' '), ...names], { stdio: 'pipe' });
// What talks to the daemon; yours is { api: 'socket', address: 'unix:///run/cmc/cmcd.sock' }.
const cmc = {
  attest: async ({ nonce }) => ({ report: nonce }),
  peerCache: async () => ({ cache: [] }),
  verify: async ({ nonce, report }) => {
    const status = Buffer.compare(nonce, report) === 0 ? 'success' : 'fail';
    return { result: { summary: { status } } as AttestationResult };
  },
} as Partial<Cmc> as Cmc;

const tls = { cert: pem, key: pem, ca: pem, cmc, attest: 'mutual' } as const;
const server = createServer({ ...tls, mtls: true }, (socket) => {
  socket.end(`hello, your software is ${socket.attestation.result?.summary.status}`);
});
server.listen(0, 'localhost', () => {
  const { port } = server.address() as { port: number };
  const socket = connect({ ...tls, host: 'localhost', port }, () => {
    console.log(`the server's software is ${socket.attestation?.result?.summary.status}`);
    // the server's software is success
  });
  socket.setEncoding('utf8').on('data', (text) => console.log(text));
  // hello, your software is success
  socket.on('close', () => server.close());
});
