/** Who proves itself to whom. Both peers must be set to the same mode. */
export type AttestationMode = 'mutual' | 'client' | 'server' | 'none';

/** Side of the TLS connection. */
export type Role = 'client' | 'server';

/** The modes by their number on the wire. */
const MODES: readonly AttestationMode[] = Object.freeze(['mutual', 'client', 'server', 'none']);

/** Number of a mode on the wire. */
export function modeNumber(mode: AttestationMode): number {
  return MODES.indexOf(mode);
}

/** Name of a mode for messages; numbers without a meaning are shown as they are. */
export function modeName(number: number): string {
  return MODES[number] ?? `number ${number}`;
}

/** Whether `value` names a mode. */
export function isAttestationMode(value: unknown): value is AttestationMode {
  return MODES.some((mode) => mode === value);
}

/** Whether the side with this role makes a report; the other side then verifies it. */
export function attests(role: Role, mode: AttestationMode): boolean {
  return mode === 'mutual' || mode === role;
}

/** The other side. */
export function otherRole(role: Role): Role {
  return role === 'client' ? 'server' : 'client';
}
