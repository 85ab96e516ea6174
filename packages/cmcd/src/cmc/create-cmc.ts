import { type AttestationRequest, type CallOptions, type Cmc, operations } from '@cmc/api';
import type { Measurer, WaitOptions } from '@cmc/attestationreport';
import { generate, verify } from '@cmc/attestationreport';
import { createPolicyEngine } from '@cmc/attestationreport/policy';
import { encodeUtf8, type Logger, silentLogger } from '@cmc/bytes';
import type { ContainerLog } from '@cmc/driver-sw';
import { CmcdError } from '../errors.ts';
import type { KeyManager, KeyManagerOptions, KeyManagerState } from '../keys/key-manager.ts';
import type { MetadataSource } from '../metadata/source.ts';
import { openPeerCache, type PeerCache } from '../peer-cache/peer-cache.ts';
import { type CmcDemands, openDemands } from './demands.ts';
import { loadMetadataSet, type OwnMetadata } from './metadata-set.ts';
import { createRevocationCache, type FetchRevocation } from './revocation-cache.ts';

/** A source of measurements, and how to give it new certificates where it has some. */
export interface CmcMeasurer extends Measurer {
  updateCerts?(options?: WaitOptions): Promise<void>;
}

/** Where certificates of TLS keys come from, and where the keys are kept. */
export type CmcKeysOptions = Pick<
  KeyManagerOptions,
  'enroller' | 'storage' | 'renewals' | 'tpmKeys'
>;

/** What a CMC is made of. */
export interface CmcOptions extends CmcDemands {
  /** What to measure with. Default: nothing, it only verifies. */
  readonly measurers?: readonly CmcMeasurer[];
  /** Our own signed metadata, or where it comes from. Default: none. */
  readonly metadata?: readonly Uint8Array[] | MetadataSource;
  /** Hash of the reports that it makes. Default `SHA-256`. */
  readonly hashAlg?: 'SHA-256' | 'SHA-384' | 'SHA-512';
  /** Name of this computer in reports, for display. Default: none. */
  readonly name?: string | Promise<string>;
  /** Metadata of peers. Default: kept in memory. */
  readonly peerCache?: PeerCache;
  /** TLS keys. Default: none; TLSCreate, TLSSign and TLSCert are refused. */
  readonly keys?: CmcKeysOptions;
  /** Where Measure records events. Default: nowhere; it is refused. */
  readonly containerLog?: ContainerLog;
  /** Gets statements about the revocation of our own manifests, which are sent with them. Default: none. */
  readonly fetchRevocation?: FetchRevocation;
  /** Age at which these statements are fetched anew, ms. Default: one hour. */
  readonly revocationMaxAgeMs?: number;
  /** Clock. Default: that of the system. */
  readonly now?: () => Date;
  readonly logger?: Logger;
}

/** A {@link Cmc} in this process. */
export interface LocalCmc extends Cmc, AsyncDisposable {
  /** Our own metadata as it is now. */
  ownMetadata(): OwnMetadata;
  /** How the TLS keys are; undefined when there are none to be had. */
  tlsKeys(): KeyManagerState | undefined;
}

/**
 * A CMC in this process: no daemon, and no file but those of what it is given. It checks requests
 * as the daemon does.
 *
 * @throws {CmcError} the metadata cannot be loaded
 * @throws {RangeError} no metadata roots
 */
export async function createCmc(options: CmcOptions): Promise<LocalCmc> {
  if (options.metadataRoots.length === 0) {
    throw new RangeError('metadataRoots: expected at least one certificate, got none');
  }
  const { measurers = [], metadata = [], containerLog } = options;
  const { logger = silentLogger, now = (): Date => new Date() } = options;
  const source = 'load' in metadata ? metadata : { load: async () => metadata };
  const closing = new AbortController();
  const { signal } = closing;
  const own = await loadMetadataSet({ source, signal, now, logger });
  const peerCache = options.peerCache ?? (await openPeerCache({ logger }));
  const engine = options.policyEngine === undefined ? createPolicyEngine({ logger }) : undefined;
  const demands = await openDemands(options, engine);

  const revocation = createRevocationCache({
    fetch: options.fetchRevocation ?? (async () => []),
    signal,
    now,
    ...(options.revocationMaxAgeMs === undefined ? {} : { maxAgeMs: options.revocationMaxAgeMs }),
  });

  revocation.follow(own.current().items);

  const report = async (
    request: AttestationRequest,
    call: CallOptions = {},
  ): Promise<Uint8Array> => {
    if (measurers.length === 0) throw noDriver('it can verify, but make no report');
    const { items } = own.current();
    const statements = await revocation.statements(items);
    const name = await options.name;
    return await generate({
      ...request,
      ...call,
      measurers,
      metadata: [...items, ...statements],
      hashAlg: options.hashAlg ?? 'SHA-256',
      ...(name === undefined ? {} : { name }),
    });
  };

  const keyManager =
    options.keys &&
    (await openKeys({
      ...options.keys,
      report: async (nonce, wait) => await report({ nonce }, wait),
      signal,
      now,
      logger,
    }));

  return {
    attest: async (request, call = {}) => ({
      report: await report(operations.attest.request.accept(request), call),
    }),

    verify: async (request, call = {}) => {
      const { nonce, report, peer, peerAddr, policies } = operations.verify.request.accept(request);
      const verification = await verify(report, {
        ...demands.current(),
        ...waitOf(call),
        nonce,
        now: now(),
        peer: { ...(peer && { id: peer }), ...(peerAddr && { address: peerAddr }) },
        ...(peer && { cachedMetadata: await peerCache.read(peer) }),
        ...(policies && policies.length > 0 && { policies }),
      });
      if (peer && verification.ok) {
        // The verdict stands whether or not it can be cached.
        await peerCache.replace(peer, verification.metadata).catch((error: unknown) => {
          logger.warn({ error }, 'cannot cache the metadata of a peer');
        });
      }
      return { result: verification.result };
    },

    tlsCreate: async (request, call = {}) => {
      const { keyConfig } = operations.tlsCreate.request.accept(request);
      return { keyId: await keysOf(keyManager).create(keyConfig, waitOf(call)) };
    },

    tlsSign: async (request, call = {}) => {
      const { keyId, ...toBeSigned } = operations.tlsSign.request.accept(request);
      const keys = keysOf(keyManager);
      return { signedContent: await keys.sign(keyId, toBeSigned, waitOf(call)) };
    },

    tlsCert: async (request) => {
      const { keyId } = operations.tlsCert.request.accept(request);
      return { certificate: (await keysOf(keyManager).certificates(keyId)).map(encodeUtf8) };
    },

    peerCache: async (request) => {
      const { peer } = operations.peerCache.request.accept(request);
      return { cache: peerCache.digests(peer) };
    },

    measure: async (request, call = {}) => {
      const { event } = operations.measure.request.accept(request);
      if (containerLog === undefined) {
        throw new CmcdError('ERR_CMCD_NO_CONTAINER_LOG', 'no container log is configured');
      }
      await containerLog.append(event, waitOf(call));
      return { success: true };
    },

    updateCerts: async (call = {}) => {
      if (measurers.length === 0) throw noDriver('there are no certificates to update');
      for (const measurer of measurers) await measurer.updateCerts?.(waitOf(call));
      return { success: true };
    },

    updateMetadata: async () => {
      await demands.update();
      await own.update();
      revocation.follow(own.current().items);
      return { success: true };
    },

    ownMetadata: () => own.current(),
    tlsKeys: () => keyManager?.state(),
    [Symbol.asyncDispose]: async () => {
      closing.abort(new CmcdError('ERR_CMCD_CLOSED', 'the CMC was closed'));
      await engine?.close();
    },
  };
}

/** Most CMCs have no keys. */
async function openKeys(options: KeyManagerOptions): Promise<KeyManager> {
  const { createKeyManager } = await import('../keys/key-manager.ts');
  return await createKeyManager(options);
}

function keysOf(keyManager: KeyManager | undefined): KeyManager {
  if (keyManager !== undefined) return keyManager;
  throw new CmcdError('ERR_CMCD_NO_KEYS', 'no enrolment of TLS keys is configured');
}

function noDriver(consequence: string): CmcdError {
  return new CmcdError('ERR_CMCD_NO_DRIVER', `no driver is configured: ${consequence}`);
}

function waitOf({ signal }: CallOptions): WaitOptions {
  return signal === undefined ? {} : { signal };
}
