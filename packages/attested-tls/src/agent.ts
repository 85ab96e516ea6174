import {
  Agent as HttpsAgent,
  type AgentOptions as HttpsAgentOptions,
  type RequestOptions,
} from 'node:https';
import type { Duplex } from 'node:stream';
import { type DialOptions, dial } from './dial.ts';
import {
  type AttestationOptions,
  type AttestationSettings,
  resolveAttestation,
  withoutAttestation,
} from './options.ts';
import { clientTlsOptions } from './tls-options.ts';

/** Options of `https.Agent` and of attestation. */
export interface AgentOptions extends HttpsAgentOptions, AttestationOptions {}

/**
 * An `https.Agent` that attests each connection before a request gets it. Connections kept alive
 * were attested once, when they were made.
 */
export class Agent extends HttpsAgent {
  readonly #settings: AttestationSettings;

  /** @throws {TypeError | RangeError} an option is wrong, or would weaken the connections */
  constructor(options: AgentOptions) {
    const settings = resolveAttestation(options);
    const tlsOptions = clientTlsOptions(withoutAttestation(options), options.mtls);
    super({ ...tlsOptions, maxCachedSessions: 0 });
    this.#settings = settings;
  }

  /** Called by `node:http` for each new connection. */
  override createConnection(options: RequestOptions): Duplex {
    // A request can bring a key of its own.
    this.#settings.ownKeys.admit(options);
    return dial(clientTlsOptions(options as DialOptions), this.#settings);
  }

  /** Closes what is not in use, and the connection to the daemon. */
  override destroy(): void {
    super.destroy();
    this.#settings.cmc?.close();
  }
}
