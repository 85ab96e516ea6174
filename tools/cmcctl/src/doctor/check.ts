/** What came of one check of this machine. */
export interface Check {
  readonly id: string;
  /** `absent`: there is no such thing here, which may be as it should be. */
  readonly state: 'ok' | 'absent' | 'warning' | 'problem';
  readonly text: string;
  /** What to do. */
  readonly remedy?: string;
}

/** Code of an error of the operating system, or its message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
