import { ConfigError } from '@cmc/host';

/**
 * By what a request for a certificate may be authorised: a one-time token, a certificate of this
 * server, an attestation report, or a key in a TPM whose endorsement key was verified.
 */
export type AuthMethod = 'token' | 'certificate' | 'attestation' | 'tpm';

/** The endpoints that issue certificates. */
export type EnrollEndpoint =
  | 'simpleenroll'
  | 'simplereenroll'
  | 'attestenroll'
  | 'tpmactivateenroll'
  | 'tpmcertifyenroll';

/** What each endpoint demands, all of it. None means that it is closed. */
export type EndpointMethods = Readonly<Record<EnrollEndpoint, readonly AuthMethod[]>>;

/** What holds for endpoints that the settings do not name. */
export const DEFAULT_ENDPOINTS: EndpointMethods = Object.freeze({
  simpleenroll: [],
  simplereenroll: ['certificate'],
  attestenroll: ['attestation'],
  tpmactivateenroll: ['tpm'],
  tpmcertifyenroll: ['tpm', 'attestation'],
});

interface Possible {
  /** What an endpoint is for, and cannot do without. */
  readonly always: readonly AuthMethod[];
  readonly also: readonly AuthMethod[];
}

const POSSIBLE: Readonly<Record<EnrollEndpoint, Possible>> = Object.freeze({
  simpleenroll: { always: [], also: ['token', 'certificate'] },
  simplereenroll: { always: ['certificate'], also: ['token'] },
  attestenroll: { always: ['attestation'], also: ['token', 'certificate'] },
  tpmactivateenroll: { always: ['tpm'], also: ['token', 'certificate'] },
  tpmcertifyenroll: { always: ['tpm'], also: ['attestation', 'token', 'certificate'] },
});

/** The methods of all endpoints. @throws {ConfigError} one that an endpoint cannot have, or lacks */
export function endpointMethods(settings: Partial<EndpointMethods> = {}): EndpointMethods {
  const methods = { ...DEFAULT_ENDPOINTS, ...settings };
  for (const endpoint of Object.keys(POSSIBLE) as EnrollEndpoint[]) {
    check(endpoint, methods[endpoint]);
  }
  return methods;
}

function check(endpoint: EnrollEndpoint, methods: readonly AuthMethod[]): void {
  if (methods.length === 0) return;
  const { always, also } = POSSIBLE[endpoint];
  const wrong = methods.find((method) => !always.includes(method) && !also.includes(method));
  const missing = always.find((method) => !methods.includes(method));
  const problem =
    wrong === undefined ? missing && `it needs ${missing}` : `it cannot be opened with ${wrong}`;
  if (problem === undefined) return;
  throw new ConfigError(
    'ERR_CONFIG_VALUE',
    `endpoints.${endpoint}: ${problem}; possible are ${[...always, ...also].join(', ')}`,
  );
}
