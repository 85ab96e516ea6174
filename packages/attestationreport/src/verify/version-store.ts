/**
 * Remembers the newest version of every metadata item that was accepted, so that an older one, which
 * is still validly signed, is refused later. An implementation never goes back to an older version.
 */
export interface MetadataVersionStore {
  /** RFC 3339 version of the newest item accepted so far with this type and name. */
  lastSeen(type: string, name: string): string | undefined;
  /** Called for every item of a report that was accepted as a whole. */
  remember(type: string, name: string, version: string): void | Promise<void>;
}
