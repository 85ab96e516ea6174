import { ConfigError } from '@cmc/host';
import { CmcdError } from '../errors.ts';
import type { CmcdConfig } from './schema.ts';

type Use = readonly [what: string, isUsed: (config: CmcdConfig) => boolean];

/** Settings of the format that this version cannot act on, and when one is used. */
const NOT_AVAILABLE: readonly Use[] = Object.freeze([
  ['drivers: only sw', ({ drivers = [] }) => drivers.some((driver) => driver !== 'sw')],
  ['ctrDriver: only sw', ({ ctrDriver = 'sw' }) => ctrDriver !== 'sw'],
  ['policyEngine duktape: js is', ({ policyEngine }) => policyEngine === 'duktape'],
  ['enrollmentMode: only local', ({ enrollmentMode = 'local' }) => enrollmentMode !== 'local'],
  ['enrollmentAddr', isSet('enrollmentAddr')],
  ['endorsementMode', isSet('endorsementMode')],
  ['endorsementAddr', isSet('endorsementAddr')],
  ['provisionToken', isSet('provisionToken')],
  ['provisionAuth: only none', ({ provisionAuth = [] }) => provisionAuth.some((a) => a !== 'none')],
  ['excludePcrs', ({ excludePcrs = [] }) => excludePcrs.length > 0],
  ['measurementLogs false', ({ measurementLogs }) => measurementLogs === false],
  ['vmpl', isSet('vmpl')],
  ['vendorCache', isSet('vendorCache')],
  ['tpmKeyAlg', isSet('tpmKeyAlg')],
] satisfies Use[]);

/**
 * Refuses settings that this version cannot act on, and settings that do not fit together.
 * @throws {CmcdError} ERR_CMCD_NOT_AVAILABLE
 * @throws {ConfigError} ERR_CONFIG_VALUE
 */
export function checkConfig(config: CmcdConfig): void {
  const used = NOT_AVAILABLE.filter(([, isUsed]) => isUsed(config)).map(([what]) => what);
  if (used.length > 0) {
    throw new CmcdError(
      'ERR_CMCD_NOT_AVAILABLE',
      `not available in this version: ${used.join('; ')}; remove these settings`,
    );
  }
  const { apis, api, cmcAddr } = config;
  if (apis !== undefined && (api !== undefined || cmcAddr !== undefined)) {
    throw conflict('apis: expected either apis, or api and cmcAddr, got both');
  }
  checkDrivers(config);
  checkEnrollment(config);
}

function checkDrivers({ drivers = [], ctr, ctrDriver, ctrLog, storage }: CmcdConfig): void {
  if (new Set(drivers).size !== drivers.length) throw conflict('drivers: each may be named once');
  if (drivers.includes('sw')) {
    if (ctr === false) throw conflict('ctr: driver sw measures containers, it cannot be false');
    if (ctrLog ?? storage) return;
    throw conflict('ctrLog: driver sw needs the file of the container log, or storage for it');
  }
  if (ctr === true || ctrDriver !== undefined || ctrLog !== undefined) {
    throw conflict('ctr: containers are measured with driver sw, which drivers does not name');
  }
}

function checkEnrollment(config: CmcdConfig): void {
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

function isSet(key: keyof CmcdConfig): (config: CmcdConfig) => boolean {
  return (config) => config[key] !== undefined;
}

function conflict(message: string): ConfigError {
  return new ConfigError('ERR_CONFIG_VALUE', message);
}
