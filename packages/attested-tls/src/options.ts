import type { TlsOptions } from 'node:tls';
import type { Cmc } from '@cmc/api';
import type { AttestationResult, Serialization } from '@cmc/attestationreport';
import { type AttestationMode, isAttestationMode, type Role } from './attestation-mode.ts';
import { type CmcAddress, type CmcSource, createCmcSource } from './cmc-source.ts';
import {
  type AttestationTimeouts,
  type ResolvedTimeouts,
  resolveTimeouts,
} from './handshake-timer.ts';
import { OwnKeys, type RequiredKeyProtection } from './own-keys.ts';
import { type CertificateSource, PeerKeyProofs } from './peer-key-proofs.ts';

/** Who is at the other end, while it is being attested. */
export interface PeerInfo {
  /** The peer's side of the TLS connection. */
  readonly role: Role;
  /** Lower-case hex SHA-256 of its TLS certificate, empty without one. */
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
}

/** Gets the verdict on a peer. What it returns does not matter, but that it may be a promise. */
export type ResultListener = (result: AttestationResult, peer: PeerInfo) => unknown;

/** What attestation adds to the options of `node:tls` and `node:https`. */
export interface AttestationOptions {
  /** The own daemon, or where it is. Not needed with `attest: 'none'`, unless for `keyProof`. */
  readonly cmc?: Cmc | CmcAddress | undefined;
  /** Who attests itself. The peer must be set to the same. Default `mutual`. */
  readonly attest?: AttestationMode | undefined;
  /** Source of a policy script for the verification of the peer. */
  readonly policies?: Uint8Array | undefined;
  /** Encoding of own messages and of the own report. Default: that of `cmc`, else `cbor`. */
  readonly serialization?: Serialization | undefined;
  /** Require certificates on both sides. Default `false`. */
  readonly mtls?: boolean | undefined;
  /** Refuse peers that cannot bind reports to the TLS keys (`spki-v1`). Default `false`. */
  readonly requireBinding?: boolean | undefined;
  /**
   * A key of the daemon in `cmc` that signs for each connection whose peer can verify that. It vouches
   * for a TLS key that is in this process.
   */
  readonly keyProof?: { readonly keyId: string } | undefined;
  /**
   * Whom to believe in the key proofs of peers: root certificates, PEM or DER. Default: those of the
   * TLS option `ca`. Where there are none, peers are told that proofs cannot be verified here.
   */
  readonly keyProofRoots?: CertificateSource | undefined;
  /** Refuse peers that send no key proof. Default `false`; a wrong one is refused always. */
  readonly requirePeerKeyProof?: boolean | undefined;
  /**
   * `remote`: refuse to use a TLS key that is in this process, with a `TypeError` before anything is
   * sent. All keys must then come in the option `key`, from `openDaemonKey`. `bound`: a key in this
   * process will do where a key proof or a report of this end vouches for it; else the handshake
   * fails.
   */
  readonly requireKeyProtection?: RequiredKeyProtection | undefined;
  readonly timeouts?: AttestationTimeouts | undefined;
  /** Largest message that is accepted, in bytes. Default 16 MiB. */
  readonly maxFrameBytes?: number | undefined;
  /**
   * Gets the verdict on the peer, whatever it is, before the connection is usable. Throwing in it
   * refuses the peer. What it returns is waited for, until the handshake has to end.
   */
  readonly onResult?: ResultListener | undefined;
}

/** Options of attestation, checked, with defaults. */
export interface AttestationSettings {
  readonly mode: AttestationMode;
  /** Undefined with mode `none` only. */
  readonly cmc: CmcSource | undefined;
  readonly policies: Uint8Array | undefined;
  readonly serialization: Serialization;
  readonly requireBinding: boolean;
  readonly ownKeys: OwnKeys;
  /** Key of the daemon that signs for connections. */
  readonly proofKeyId: string | undefined;
  readonly peerKeyProofs: PeerKeyProofs;
  readonly timeouts: ResolvedTimeouts;
  readonly maxFrameBytes: number;
  readonly onResult: ResultListener;
}

const DEFAULT_MAX_FRAME_BYTES = 16 * 1024 * 1024;
const MAX_FRAME_BYTES = 2 ** 32 - 1;

/** The other options: those of Node. */
export function withoutAttestation<T extends AttestationOptions>(
  options: T,
): Omit<T, keyof AttestationOptions> {
  const {
    cmc: _cmc,
    attest: _attest,
    policies: _policies,
    serialization: _serialization,
    mtls: _mtls,
    requireBinding: _requireBinding,
    keyProof: _keyProof,
    keyProofRoots: _keyProofRoots,
    requirePeerKeyProof: _requirePeerKeyProof,
    requireKeyProtection: _requireKeyProtection,
    timeouts: _timeouts,
    maxFrameBytes: _maxFrameBytes,
    onResult: _onResult,
    ...others
  } = options;
  return others;
}

/** Settings from options, with those of TLS. @throws {TypeError | RangeError} an option is wrong */
export function resolveAttestation(
  options: AttestationOptions & Pick<TlsOptions, 'ca'>,
): AttestationSettings {
  const mode = options.attest ?? 'mutual';
  if (!isAttestationMode(mode)) {
    throw new TypeError(`attest: expected mutual, client, server or none, got ${String(mode)}`);
  }
  if (options.cmc === undefined && mode !== 'none') {
    throw new TypeError(`cmc: attest: '${mode}' needs a Cmc or the address of a daemon`);
  }
  const proofKeyId = proofKeyOf(options);
  const serialization = options.serialization ?? serializationOf(options.cmc) ?? 'cbor';
  if (serialization !== 'cbor' && serialization !== 'json') {
    throw new TypeError(`serialization: expected cbor or json, got ${String(serialization)}`);
  }
  const maxFrameBytes = options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES;
  if (!(Number.isInteger(maxFrameBytes) && maxFrameBytes > 0 && maxFrameBytes <= MAX_FRAME_BYTES)) {
    throw new RangeError(`maxFrameBytes: expected 1 to ${MAX_FRAME_BYTES}, got ${maxFrameBytes}`);
  }
  const timeouts = resolveTimeouts(options.timeouts);
  const ownKeys = new OwnKeys(options.requireKeyProtection);
  ownKeys.admit(options);
  const { keyProofRoots: roots, requirePeerKeyProof: required = false } = options;
  return {
    mode,
    cmc: options.cmc === undefined ? undefined : createCmcSource(options.cmc, timeouts.cmcMs),
    policies: options.policies,
    serialization,
    requireBinding: options.requireBinding ?? false,
    ownKeys,
    proofKeyId,
    peerKeyProofs: new PeerKeyProofs({ required, roots }, options),
    timeouts,
    maxFrameBytes,
    onResult: options.onResult ?? (() => {}),
  };
}

function proofKeyOf({ cmc, keyProof }: AttestationOptions): string | undefined {
  if (keyProof === undefined) return undefined;
  const { keyId } = keyProof;
  if (typeof keyId !== 'string' || keyId === '') {
    throw new TypeError(`keyProof.keyId: expected the id of a key, got ${String(keyId)}`);
  }
  if (cmc === undefined) {
    throw new TypeError('cmc: keyProof needs a Cmc or the address of a daemon');
  }
  return keyId;
}

function serializationOf(cmc: AttestationOptions['cmc']): Serialization | undefined {
  return cmc !== undefined && 'api' in cmc ? cmc.serialization : undefined;
}
