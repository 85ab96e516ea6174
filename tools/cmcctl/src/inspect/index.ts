import type { CmcctlSettings } from '../settings.ts';

/** What is shown about an artefact. */
export interface Inspection {
  /** 0 readable or accepted, 1 refused. Unreadable ones throw. */
  readonly exitCode: number;
  /** For machines; its shape is stable. */
  readonly outcome: object;
  /** For people. */
  readonly lines: readonly string[];
}

/** Reads one kind of artefact. */
export type Inspector = (bytes: Uint8Array, settings: CmcctlSettings) => Promise<Inspection>;

/** Every kind that `inspect` knows, one file each. */
export const INSPECTORS: Readonly<Record<string, () => Promise<Inspector>>> = {
  report: async () => (await import('./report.ts')).inspectReport,
  eventlog: async () => (await import('./eventlog.ts')).inspectEventlog,
  ima: async () => (await import('./ima.ts')).inspectIma,
  quote: async () => (await import('./quote.ts')).inspectQuote,
  cert: async () => (await import('./cert.ts')).inspectCert,
  snp: async () => (await import('./snp.ts')).inspectSnp,
};
