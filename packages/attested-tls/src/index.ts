export type { AgentOptions } from './agent.ts';
export { Agent } from './agent.ts';
export type { AttestedSocket } from './attest-socket.ts';
export { attestationOf } from './attest-socket.ts';
export type { AttestationMode, Role } from './attestation-mode.ts';
export type { KeyBinding } from './channel-binding.ts';
export type { ClientSocket } from './client-socket.ts';
export type { CmcAddress } from './cmc-source.ts';
export type { ConnectOptions } from './connect.ts';
export { connect } from './connect.ts';
export type {
  AttestedServerOptions,
  HttpsServerOptions,
  ServerOptions,
} from './create-server.ts';
export { createHttpsServer, createServer } from './create-server.ts';
export type { DaemonKey, DaemonKeyOptions } from './daemon-key.ts';
export { openDaemonKey } from './daemon-key.ts';
export type {
  AttestedTlsErrorCode,
  AttestedTlsErrorOptions,
  HandshakePhase,
} from './errors.ts';
export { AttestedTlsError } from './errors.ts';
export type { Attestation } from './handshake.ts';
export type { PeerKeyProof } from './handshake-key-proof.ts';
export type { AttestationTimeouts } from './handshake-timer.ts';
export type { AttestationOptions, PeerInfo, ResultListener } from './options.ts';
export type { KeyProtection, RequiredKeyProtection } from './own-keys.ts';
export type { CertificateSource } from './peer-key-proofs.ts';
