/** Nonces that have not expired, of all servers on one database. */
export const MAX_NONCES = 10_000;
/** Longest text of an audit entry; longer ones are cut. */
export const MAX_AUDIT_TEXT = 512;
/** Entries and certificates in one page. */
export const MAX_PAGE = 10_000;
/** Part of a certificate's life that must be left for it to be given again. */
export const REUSE_LIFE_LEFT: number = 2 / 3;
