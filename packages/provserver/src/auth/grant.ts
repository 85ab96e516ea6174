/** What one method of authorisation allows. */
export interface Grant {
  /** Who allows it, for refusals. */
  readonly by: string;
  /** Whether a certificate may have this name. */
  readonly allows: (name: string) => boolean;
}
