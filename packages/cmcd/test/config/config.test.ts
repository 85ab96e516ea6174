import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '@cmc/host';
import { toJsonSchema } from '@valibot/to-json-schema';
import { describe, expect, test } from 'vitest';
import { checkConfig } from '../../src/config/check-config.ts';
import { endpointsOf } from '../../src/config/endpoints.ts';
import { type CmcdConfig, cmcdConfigSchema } from '../../src/config/schema.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const MINIMAL: CmcdConfig = { rootCas: ['ca.pem'] };
const TPM: CmcdConfig = {
  rootCas: ['ca.pem'],
  drivers: ['tpm'],
  endorsementMode: 'est',
  endorsementAddr: 'https://localhost:9000',
};
const SW: CmcdConfig = { ...MINIMAL, drivers: ['sw'], storage: '/s' };
const LOCAL: CmcdConfig = {
  ...MINIMAL,
  enrollmentMode: 'local',
  enrollmentCaKey: 'key.pem',
  enrollmentCaChain: ['ca.pem'],
};
const EST: CmcdConfig = {
  ...SW,
  enrollmentMode: 'est',
  enrollmentAddr: 'https://localhost:9000',
};

async function read(settings: object, flags: Record<string, unknown> = {}): Promise<CmcdConfig> {
  const file = join(temporaryFolder(), 'cmcd.json');
  writeFileSync(file, JSON.stringify(settings));
  return await readConfig(cmcdConfigSchema, { files: [file], flags });
}

describe('config file', () => {
  test('takes the keys of the format with the software driver', async () => {
    const settings: CmcdConfig = {
      cmcAddr: 'localhost:9955',
      api: 'socket',
      provisionAuth: ['none'],
      metadata: ['file:///etc/cmc/metadata', 'https://example.org/metadata/'],
      drivers: ['sw'],
      excludePcrs: [],
      hashAlg: 'SHA256',
      policyEngine: 'js',
      policyOverwrite: false,
      storage: '/var/lib/cmc',
      cache: '/var/cache/cmc',
      peerCache: '/var/cache/cmc-peers',
      measurementLogs: true,
      ctr: true,
      ctrDriver: 'sw',
      ctrLog: '/var/lib/cmc/containers',
      rootCas: ['ca.pem'],
      allowSystemCerts: false,
      useOmsp: false,
      logLevel: 'trace',
    };
    expect(await read(settings)).toStrictEqual(settings);
    expect(() => checkConfig(settings)).not.toThrow();
  });

  test('suggests the key that an unknown one probably means', async () => {
    await expect(read({ ...MINIMAL, metadta: [] })).rejects.toMatchObject({
      code: 'ERR_CONFIG_UNKNOWN_KEY',
      message: expect.stringContaining('did you mean "metadata"?'),
    });
  });

  test.each([
    ['no rootCas', {}],
    ['no file in rootCas', { rootCas: [] }],
    ['an API that there is not', { ...MINIMAL, api: 'rest' }],
    ['a driver that there is not', { ...MINIMAL, drivers: ['sv'] }],
    ['a text instead of a list', { ...MINIMAL, metadata: 'file:///m' }],
    ['a text instead of a boolean', { ...MINIMAL, ctr: 'true' }],
    ['an empty path', { ...MINIMAL, storage: '' }],
    ['null', { ...MINIMAL, storage: null }],
    ['an unknown key of an endpoint', { ...MINIMAL, apis: [{ api: 'grpc', adress: 'x' }] }],
    ['no file in imaKeys', { ...MINIMAL, imaKeys: [] }],
    ['no file in snpCrls', { ...MINIMAL, snpCrls: [] }],
    ['a text instead of a list of keys', { ...MINIMAL, imaKeys: 'ima.pem' }],
    ['no signer', { ...MINIMAL, minimumMetadataSigners: 0 }],
    ['statements that are never old enough', { ...MINIMAL, omspRefreshMinutes: 0 }],
    ['half a minute', { ...MINIMAL, omspRefreshMinutes: 0.5 }],
    ['statements that are older than a day', { ...MINIMAL, omspRefreshMinutes: 1441 }],
  ])('refuses %s', async (_, settings) => {
    await expect(read(settings)).rejects.toMatchObject({ code: 'ERR_CONFIG_VALUE' });
  });

  test('a flag wins over the file', async () => {
    const config = await read(
      { ...MINIMAL, storage: '/file', cache: '/file' },
      { storage: '/flag' },
    );
    expect(config).toMatchObject({ storage: '/flag', cache: '/file' });
  });

  test('is described by the JSON schema in this package', async () => {
    const schema = JSON.stringify(toJsonSchema(cmcdConfigSchema), undefined, 2);
    await expect(`${schema}\n`).toMatchFileSnapshot('../../generated/cmcd.schema.json');
  });
});

describe('checkConfig', () => {
  test.each<[string, CmcdConfig]>([
    ['verify only', MINIMAL],
    ['the software driver with storage', SW],
    ['the software driver with a log', { ...MINIMAL, drivers: ['sw'], ctrLog: '/l' }],
    ['local enrolment', LOCAL],
    ['enrolment at a server', EST],
    ['a token', { ...EST, provisionToken: 'token' }],
    ['a token by name', { ...EST, provisionToken: 't', provisionAuth: ['token', 'attestation'] }],
    ['a client certificate', { ...EST, enrollmentCert: 'c.pem', enrollmentKey: 'k.pem' }],
    ['attestation alone', { ...EST, provisionAuth: ['none', 'attestation'] }],
    ['no credentials for no enrolment', { ...MINIMAL, provisionAuth: ['none'] }],
    ['revocation that is required', { ...MINIMAL, requireOmsp: true }],
    ['signed reports', { ...MINIMAL, requireReportSignature: true, reportRoots: ['r.pem'] }],
    ['the driver of a TPM', TPM],
    ['the driver of a TPM with containers', { ...TPM, ctr: true, ctrDriver: 'tpm', ctrLog: '/l' }],
    ['settings of a TPM', { ...TPM, tpmKeyAlg: 'RSA2048', excludePcrs: [1], tpmDevice: '/dev/t' }],
    ['the driver of SNP guests', { ...MINIMAL, drivers: ['snp'], vmpl: 0, vendorCache: '/v' }],
    ['a TPM in an SNP guest', { ...MINIMAL, drivers: ['tpm', 'snp'] }],
    [
      'a TPM in an SNP guest whose certificates AMD gives',
      { ...MINIMAL, drivers: ['tpm', 'snp'], endorsementMode: 'direct' },
    ],
    [
      'driver settings that change nothing',
      { ...SW, excludePcrs: [], measurementLogs: true, imaSignatures: false },
    ],
    ['signatures of files in the logs of a TPM', { ...TPM, imaSignatures: true }],
    ['logs of a TPM elsewhere', { ...TPM, tpmEventLog: '/l', imaLog: '/i' }],
    [
      'a TPM without event logs, nor signatures in them',
      { ...TPM, measurementLogs: false, imaSignatures: false },
    ],
    [
      'demands on TPMs and SNP guests of peers without any driver',
      {
        ...MINIMAL,
        allowOlderTpmClock: true,
        tpmAllowTlsKeys: true,
        tpmAllowUncheckedBootAggregate: true,
        imaKeys: ['ima.pem'],
        snpCrls: ['milan.crl'],
      },
    ],
  ])('accepts %s', (_, config) => {
    expect(() => checkConfig(config)).not.toThrow();
  });

  test.each<[keyof CmcdConfig, CmcdConfig]>([
    ['drivers', { ...MINIMAL, drivers: ['azure'] }],
    ['drivers', { ...SW, drivers: ['sw', 'tdx'] }],
    ['ctrDriver', { ...SW, ctrDriver: 'snp' }],
    ['policyEngine', { ...MINIMAL, policyEngine: 'duktape' }],
    ['enrollmentMode', { ...MINIMAL, enrollmentMode: 'acme' }],
  ])('says that %s is not available, instead of ignoring it', (key, config) => {
    expect(() => checkConfig(config)).toThrow(
      expect.objectContaining({
        code: 'ERR_CMCD_NOT_AVAILABLE',
        message: expect.stringContaining(key),
      }),
    );
  });

  test('names everything that is not available at once', () => {
    expect(() => checkConfig({ ...SW, ctrDriver: 'snp', policyEngine: 'duktape' })).toThrow(
      /ctrDriver.*; policyEngine/,
    );
  });

  test.each<[string, CmcdConfig]>([
    ['apis and api', { ...MINIMAL, apis: [], api: 'grpc' }],
    ['apis and cmcAddr', { ...MINIMAL, apis: [], cmcAddr: 'x:1' }],
    ['a driver twice', { ...SW, drivers: ['sw', 'sw'] }],
    ['driver sw without containers', { ...SW, ctr: false }],
    ['driver sw without a place for its log', { ...MINIMAL, drivers: ['sw'] }],
    ['containers without a driver', { ...MINIMAL, ctr: true }],
    ['a container log without a driver', { ...MINIMAL, ctrLog: '/l' }],
    ['local enrolment without a CA', { ...MINIMAL, enrollmentMode: 'local' }],
    ['a CA key without enrolment', { ...MINIMAL, enrollmentCaKey: 'key.pem' }],
    ['a CA chain without enrolment', { ...MINIMAL, enrollmentCaChain: ['ca.pem'] }],
    ['names without enrolment', { ...MINIMAL, enrollmentNames: ['a'] }],
    ['a CA key for enrolment at a server', { ...EST, enrollmentCaKey: 'key.pem' }],
    ['enrolment at no server', { ...SW, enrollmentMode: 'est' }],
    ['enrolment at a server without TLS', { ...EST, enrollmentAddr: 'http://localhost:9000' }],
    ['enrolment at something else', { ...EST, enrollmentAddr: 'localhost:9000' }],
    ['enrolment at a server without drivers', { ...EST, drivers: [] }],
    ['a server without enrolment', { ...MINIMAL, enrollmentAddr: 'https://localhost:9000' }],
    ['a token without enrolment', { ...MINIMAL, provisionToken: 'token' }],
    ['a method without enrolment', { ...MINIMAL, provisionAuth: ['token'] }],
    ['a client certificate without its key', { ...EST, enrollmentCert: 'c.pem' }],
    ['a key without its certificate', { ...EST, enrollmentKey: 'k.pem' }],
    ['the method token without one', { ...EST, provisionAuth: ['token'] }],
    ['the method certificate without one', { ...EST, provisionAuth: ['certificate'] }],
    ['a token that is not to be used', { ...EST, provisionToken: 't', provisionAuth: ['none'] }],
    ['a mode of endorsement without its drivers', { ...MINIMAL, endorsementMode: 'est' }],
    ['an endorsement server without drivers', { ...SW, endorsementAddr: 'https://localhost' }],
    ['excluded PCRs without a TPM', { ...MINIMAL, excludePcrs: [0] }],
    ['values of PCRs without a TPM', { ...MINIMAL, measurementLogs: false }],
    ['signatures of files without a TPM', { ...MINIMAL, imaSignatures: true }],
    ['signatures of files for another driver', { ...SW, imaSignatures: true }],
    [
      'signatures of files without the logs they are in',
      { ...TPM, imaSignatures: true, measurementLogs: false },
    ],
    ['a log of a firmware without a TPM', { ...SW, tpmEventLog: '/l' }],
    ['a list of IMA without a TPM', { ...SW, imaLog: '/i' }],
    ['a log that is not to be read', { ...TPM, tpmEventLog: '/l', measurementLogs: false }],
    ['a list that is not to be read', { ...TPM, imaLog: '/i', measurementLogs: false }],
    ['a level of SNP without its driver', { ...MINIMAL, vmpl: 0 }],
    ['vendor certificates without a driver', { ...MINIMAL, vendorCache: '/v' }],
    ['a kind of TPM keys without a TPM', { ...MINIMAL, tpmKeyAlg: 'EC256' }],
    ['a TPM without a driver', { ...MINIMAL, tpmDevice: '/dev/tpm0' }],
    ['a TPM that nobody vouches for', { ...MINIMAL, drivers: ['tpm'] }],
    ['a TPM alone without a server', { ...TPM, endorsementMode: 'direct' }],
    ['an endorsement server without TLS', { ...TPM, endorsementAddr: 'http://localhost' }],
    ['an SNP guest at a server for TPMs', { ...TPM, drivers: ['snp'] }],
    [
      'a TPM in an SNP guest at a server',
      { ...TPM, drivers: ['tpm', 'snp'], endorsementMode: 'est' },
    ],
    [
      'a proxy for AMD without its address',
      { ...TPM, drivers: ['snp'], endorsementMode: 'cps', endorsementAddr: '' },
    ],
    ['containers in a TPM without a place for their log', { ...TPM, ctr: true, ctrDriver: 'tpm' }],
    ['containers in a TPM that software measures', { ...SW, ctrDriver: 'tpm' }],
    ['revocation both required and off', { ...MINIMAL, requireOmsp: true, useOmsp: false }],
  ])('refuses %s', (_, config) => {
    expect(() => checkConfig(config)).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }),
    );
  });
});

describe('endpointsOf', () => {
  const socket = { api: 'socket', address: 'unix:///run/cmc/cmcd.sock' };
  test.each<[string, Partial<CmcdConfig>, object[]]>([
    ['a Unix socket by default', {}, [socket]],
    ['gRPC on the same socket', { api: 'grpc' }, [{ ...socket, api: 'grpc' }]],
    ['api and cmcAddr', { api: 'coap', cmcAddr: 'a:1' }, [{ api: 'coap', address: 'a:1' }]],
    ['the default API at an address', { cmcAddr: 'a:1' }, [{ api: 'socket', address: 'a:1' }]],
    [
      'several by position',
      { api: ['grpc', 'socket'], cmcAddr: ['a:1', '/s'] },
      [
        { api: 'grpc', address: 'a:1' },
        { api: 'socket', address: '/s' },
      ],
    ],
    ['apis', { apis: [{ api: 'grpc', address: 'a:1' }] }, [{ api: 'grpc', address: 'a:1' }]],
  ])('gives %s', (_, settings, endpoints) => {
    expect(endpointsOf({ ...MINIMAL, ...settings })).toStrictEqual(endpoints);
  });

  test.each<[string, Partial<CmcdConfig>]>([
    ['CoAP without an address', { api: 'coap' }],
    ['fewer addresses than APIs', { api: ['grpc', 'socket'], cmcAddr: 'a:1' }],
    ['more addresses than APIs', { api: 'grpc', cmcAddr: ['a:1', 'a:2'] }],
    ['no API', { api: [] }],
    ['no endpoint', { apis: [] }],
  ])('refuses %s', (_, settings) => {
    expect(() => endpointsOf({ ...MINIMAL, ...settings })).toThrow(
      expect.objectContaining({ code: 'ERR_CONFIG_VALUE' }),
    );
  });
});
