import type { CmcctlSettings } from './settings.ts';

/** Does what a command is for, and gives the exit code. */
export type Handler = (settings: CmcctlSettings, args: readonly string[]) => Promise<number>;

/** One command: help, flags, completion and suggestions follow from it. */
export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Positional arguments, as commander writes them. */
  readonly args?: string;
  readonly settings: readonly (keyof CmcctlSettings)[];
  /** Command lines without the name of the program. */
  readonly examples: readonly string[];
  /** Loads what the command needs, so that `--help` does not. */
  load(): Promise<Handler>;
}

const DAEMON = ['api', 'cmcAddr', 'serialization', 'timeoutSeconds', 'json'] as const;
const TLS = ['attest', 'mtls', 'rootCas', 'cert', 'key', 'keyId', 'policies'] as const;

const EVIDENCE = [
  'imaKeys',
  'tpmAllowTlsKeys',
  'tpmAllowUncheckedBootAggregate',
  'snpCrls',
] as const;

const PUBLISH = [
  'publishFile',
  'publishResults',
  'publishOcsf',
  'publishNetwork',
  'publishToken',
  'publishCert',
  'publishKey',
] as const;

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'generate',
    summary: 'attest this computer: write a report and its nonce',
    settings: [
      ...DAEMON,
      'report',
      'nonce',
      'standalone',
      'storage',
      'containerLog',
      'metadata',
      'name',
    ],
    examples: [
      'generate --report report.cbor --nonce nonce.bin',
      'generate --standalone --container-log log.json --metadata file:///etc/cmc/metadata --report report.cbor',
    ],
    load: async () => (await import('./commands/generate.ts')).generate,
  },
  {
    name: 'verify',
    summary: 'verify attestation reports',
    settings: [
      ...DAEMON,
      'report',
      'nonce',
      'policies',
      'format',
      'result',
      'standalone',
      'rootCas',
      ...EVIDENCE,
      'archived',
      'at',
      'earKey',
      'earOut',
      ...PUBLISH,
    ],
    examples: [
      'verify --report report.cbor --nonce nonce.bin',
      'verify --standalone --root-cas ca.pem --report a.cbor,b.cbor --nonce a.nonce,b.nonce --format junit',
      'verify --standalone --root-cas ca.pem --ima-keys distribution.pem --report r.cbor --nonce r.nonce',
      'verify --standalone --root-cas ca.pem --report r.cbor --nonce r.nonce --ear-key key.pem --ear-out r.jwt',
      'verify --report report.cbor --nonce nonce.bin --publish-results https://siem.example.org/results',
    ],
    load: async () => (await import('./commands/verify.ts')).verify,
  },
  {
    name: 'explain',
    summary: 'say why a report is refused, and what to do: a result, or a report and its nonce',
    args: '<file>',
    settings: [
      ...DAEMON,
      'nonce',
      'policies',
      'standalone',
      'rootCas',
      ...EVIDENCE,
      'archived',
      'at',
      'html',
    ],
    examples: [
      'explain result.json',
      'explain report.cbor --nonce nonce.bin --root-cas ca.pem --html report.html',
    ],
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    name: 'diff',
    summary: 'show what differs: two reports, two results, or a report and its manifests',
    args: '<first> <second> [more...]',
    settings: ['json'],
    examples: [
      'diff yesterday.cbor today.cbor',
      'diff report.cbor os.manifest app.manifest --json',
    ],
    load: async () => (await import('./commands/diff.ts')).diff,
  },
  {
    name: 'enroll-key',
    summary: 'have the daemon make a TLS key and get its certificate',
    settings: [
      ...DAEMON,
      'keyId',
      'keyType',
      'keyConfig',
      'tlsCn',
      'tlsDnsNames',
      'tlsIpAddresses',
    ],
    examples: ['enroll-key --key-id key-id --tls-cn node-7 --tls-dns-names node-7.example.org'],
    load: async () => (await import('./commands/enroll-key.ts')).enrollKey,
  },
  {
    name: 'dial',
    summary: 'make an attested connection, send data, print the answer',
    settings: [...DAEMON, ...TLS, ...PUBLISH, 'addr', 'serverName', 'data'],
    examples: ['dial --addr localhost:4443 --root-cas ca.pem --attest server --data hello'],
    load: async () => (await import('./commands/dial.ts')).dial,
  },
  {
    name: 'listen',
    summary: 'accept attested connections and send back what comes',
    settings: [...DAEMON, ...TLS, ...PUBLISH, 'addr'],
    examples: ['listen --addr 127.0.0.1:4443 --root-cas ca.pem --cert server.pem --key server.key'],
    load: async () => (await import('./commands/serve.ts')).listen,
  },
  {
    name: 'request',
    summary: 'make an attested HTTPS request',
    settings: [...DAEMON, ...TLS, ...PUBLISH, 'addr', 'serverName', 'method', 'header', 'data'],
    examples: ['request --addr https://localhost:4443/data --root-cas ca.pem --attest server'],
    load: async () => (await import('./commands/dial.ts')).request,
  },
  {
    name: 'serve',
    summary: 'answer attested HTTPS requests',
    settings: [...DAEMON, ...TLS, ...PUBLISH, 'addr'],
    examples: ['serve --addr 127.0.0.1:4443 --root-cas ca.pem --cert server.pem --key server.key'],
    load: async () => (await import('./commands/serve.ts')).serve,
  },
  {
    name: 'measure',
    summary: 'have the daemon record an event',
    settings: [...DAEMON, 'event'],
    examples: ['measure --event container-start.json'],
    load: async () => (await import('./commands/daemon-calls.ts')).measure,
  },
  {
    name: 'token',
    summary: 'make a single-use enrolment token',
    settings: ['store', 'names', 'valid', 'note', 'json'],
    examples: [
      'token --store sqlite:///var/lib/cmc/prov.db --names node-7.example.org --valid 48h',
    ],
    load: async () => (await import('./commands/token.ts')).token,
  },
  {
    name: 'update-certs',
    summary: 'have the daemon renew the certificates of its drivers',
    settings: [...DAEMON],
    examples: ['update-certs --cmc-addr unix:///run/cmc/cmcd.sock'],
    load: async () => (await import('./commands/daemon-calls.ts')).updateCerts,
  },
  {
    name: 'update-metadata',
    summary: 'have the daemon load its metadata again',
    settings: [...DAEMON],
    examples: ['update-metadata --cmc-addr unix:///run/cmc/cmcd.sock'],
    load: async () => (await import('./commands/daemon-calls.ts')).updateMetadata,
  },
  {
    name: 'inspect',
    summary: 'show an artefact: report, eventlog, ima, quote, snp, cert',
    args: '<kind> <file>',
    settings: ['json', 'roots', 'certs', 'signature', 'key', 'pcrs', 'nonce', 'at'],
    examples: [
      'inspect report report.cbor',
      'inspect eventlog /sys/kernel/security/tpm0/binary_bios_measurements',
      'inspect quote quote.attest --signature quote.sig --key ak.pem --pcrs pcrs.json --nonce 6368616c6c656e6765',
      'inspect cert chain.pem --roots ca.pem --json',
    ],
    load: async () => (await import('./commands/inspect.ts')).inspect,
  },
  {
    name: 'doctor',
    summary: 'check what attestation needs on this machine, and say what to do',
    settings: [...DAEMON, 'containerLog', 'metadata', 'timeSource'],
    examples: [
      'doctor',
      'doctor --metadata file:///etc/cmc/metadata --time-source https://www.example.org --json',
    ],
    load: async () => (await import('./commands/doctor.ts')).doctor,
  },
  {
    name: 'completion',
    summary: 'print completions for bash, zsh or fish',
    args: '<shell>',
    settings: [],
    examples: ['completion bash > /etc/bash_completion.d/cmcctl'],
    load: async () => (await import('./commands/completion.ts')).completion,
  },
];
