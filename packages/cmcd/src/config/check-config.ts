import { ConfigError } from '@cmc/host';
import { CmcdError } from '../errors.ts';
import { AVAILABLE_DRIVERS, unreadDriverSettings } from './driver-settings.ts';
import type { CmcdConfig } from './schema.ts';

type Use = readonly [what: string, isUsed: (config: CmcdConfig) => boolean];

/** Settings of the format that this version cannot act on, and when one is used. */
const NOT_AVAILABLE: readonly Use[] = Object.freeze([
  [
    `drivers: only ${[...AVAILABLE_DRIVERS].join(', ')}`,
    ({ drivers = [] }) => drivers.some((driver) => !AVAILABLE_DRIVERS.has(driver)),
  ],
  [
    'ctrDriver: only sw and tpm',
    ({ ctrDriver = 'sw' }) => ctrDriver !== 'sw' && ctrDriver !== 'tpm',
  ],
  ['policyEngine duktape: js is', ({ policyEngine }) => policyEngine === 'duktape'],
  ['enrollmentMode acme: est and local are', ({ enrollmentMode }) => enrollmentMode === 'acme'],
] satisfies Use[]);

/**
 * Refuses settings that this version cannot act on, and settings that do not fit together.
 * @throws {CmcdError} ERR_CMCD_NOT_AVAILABLE
 * @throws {ConfigError} ERR_CONFIG_VALUE
 */
export function checkConfig(config: CmcdConfig): void {
  const unread = unreadDriverSettings(config);
  const used = [
    ...NOT_AVAILABLE.filter(([, isUsed]) => isUsed(config)).map(([what]) => what),
    ...unread.filter(({ available }) => !available).map(({ setting }) => setting),
  ];
  if (used.length > 0) {
    throw new CmcdError(
      'ERR_CMCD_NOT_AVAILABLE',
      `not available in this version: ${used.join('; ')}; remove these settings`,
    );
  }
  for (const { setting, drivers } of unread) {
    throw conflict(`${setting}: for driver ${drivers.join(', ')}, which drivers does not name`);
  }
  const { apis, api, cmcAddr, useOmsp, requireOmsp } = config;
  if (apis !== undefined && (api !== undefined || cmcAddr !== undefined)) {
    throw conflict('apis: expected either apis, or api and cmcAddr, got both');
  }
  if (requireOmsp === true && useOmsp === false) {
    throw conflict('requireOmsp: it checks revocation, which useOmsp turns off');
  }
  checkDrivers(config);
  checkLogs(config);
  checkEndorsement(config);
  checkLocalEnrollment(config);
  checkEstEnrollment(config);
}

function checkDrivers({ drivers = [], ctr, ctrDriver, ctrLog, storage }: CmcdConfig): void {
  if (new Set(drivers).size !== drivers.length) throw conflict('drivers: each may be named once');
  const measuring = ctrDriver ?? 'sw';
  if (drivers.includes('sw')) {
    if (ctr === false) throw conflict('ctr: driver sw measures containers, it cannot be false');
    if (measuring !== 'sw') {
      throw conflict(`ctrDriver ${measuring}: driver sw is for containers that it measures itself`);
    }
  }
  if (drivers.includes(measuring)) {
    if (measuring !== 'sw' && ctr !== true) return;
    if (ctrLog ?? storage) return;
    throw conflict(
      `ctrLog: driver ${measuring} needs the file of the container log, or storage for it`,
    );
  }
  if (ctr === true || ctrDriver !== undefined || ctrLog !== undefined) {
    throw conflict(
      `ctr: containers are measured with driver ${measuring}, which drivers does not name`,
    );
  }
}

function checkLogs({ measurementLogs, imaSignatures, tpmEventLog, imaLog }: CmcdConfig): void {
  if (measurementLogs !== false) return;
  if (imaSignatures === true || (tpmEventLog ?? imaLog) !== undefined) {
    throw conflict('imaSignatures, tpmEventLog, imaLog: measurementLogs turns event logs off');
  }
}

function checkEndorsement(config: CmcdConfig): void {
  const { drivers = [], endorsementMode, endorsementAddr, enrollmentAddr } = config;
  const [hasTpm, hasSnp] = [drivers.includes('tpm'), drivers.includes('snp')];
  if (hasSnp && endorsementMode === 'est') {
    throw conflict('endorsementMode est: it is for driver tpm alone; snp has host, direct and cps');
  }
  if (hasTpm && !hasSnp) {
    if ((endorsementMode ?? 'est') !== 'est') {
      throw conflict(`endorsementMode ${endorsementMode}: driver tpm alone needs est`);
    }
    if (!isHttpsUrl(endorsementAddr ?? enrollmentAddr)) {
      throw conflict('endorsementMode est: it needs endorsementAddr, an https:// URL');
    }
  }
  if (endorsementMode === 'cps' && !isHttpsUrl(endorsementAddr)) {
    throw conflict('endorsementMode cps: it needs endorsementAddr, an https:// URL');
  }
}

function isHttpsUrl(text = ''): boolean {
  return URL.canParse(text) && new URL(text).protocol === 'https:';
}

function checkLocalEnrollment(config: CmcdConfig): void {
  const { enrollmentMode, enrollmentCaKey, enrollmentCaChain = [], enrollmentNames } = config;
  const hasCa = enrollmentCaKey !== undefined && enrollmentCaChain.length > 0;
  if (enrollmentMode === 'local') {
    if (hasCa) return;
    throw conflict('enrollmentMode local: it needs enrollmentCaKey and enrollmentCaChain');
  }
  if (enrollmentCaKey ?? enrollmentNames ?? enrollmentCaChain[0]) {
    throw conflict('enrollmentCaKey, enrollmentCaChain, enrollmentNames: for enrollmentMode local');
  }
}

function checkEstEnrollment(config: CmcdConfig): void {
  const { enrollmentMode, enrollmentAddr, provisionAuth, provisionToken } = config;
  const { enrollmentCert, enrollmentKey, drivers = [] } = config;
  if (enrollmentMode !== 'est') {
    const methods = (provisionAuth ?? []).filter((method) => method !== 'none');
    if (enrollmentAddr ?? provisionToken ?? enrollmentCert ?? enrollmentKey ?? methods[0]) {
      throw conflict(
        'enrollmentAddr, provisionAuth, provisionToken, enrollmentCert, enrollmentKey: for enrollmentMode est',
      );
    }
    return;
  }
  if (!isHttpsUrl(enrollmentAddr)) {
    throw conflict('enrollmentMode est: it needs enrollmentAddr, an https:// URL');
  }
  if (drivers.length === 0) {
    throw conflict(
      'enrollmentMode est: the server wants an attestation, for which drivers has none',
    );
  }
  const hasCertificate = enrollmentCert !== undefined;
  if (hasCertificate !== (enrollmentKey !== undefined)) {
    throw conflict('enrollmentCert, enrollmentKey: expected both or none');
  }
  checkMethod('token', provisionToken !== undefined, 'provisionToken', provisionAuth);
  checkMethod('certificate', hasCertificate, 'enrollmentCert', provisionAuth);
}

/** A credential and its method go together; without a list of methods, what there is counts. */
function checkMethod(
  method: 'token' | 'certificate',
  isThere: boolean,
  setting: string,
  methods: CmcdConfig['provisionAuth'],
): void {
  if (methods === undefined || methods.includes(method) === isThere) return;
  throw isThere
    ? conflict(`${setting}: provisionAuth does not name ${method}`)
    : conflict(`provisionAuth ${method}: it needs ${setting}`);
}

function conflict(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_VALUE', message);
}
