import { encodeUtf8, toBase64, toBase64url } from '@cmc/bytes';
import type { IssuedCertificate } from '@cmc/testkit';

/** Flattened JWS in JSON serialization. */
export interface FlattenedJws {
  readonly payload: string;
  readonly protected: string;
  readonly signature: string;
}

/** General JWS in JSON serialization. */
export interface GeneralJws {
  readonly payload: string;
  readonly signatures: readonly Omit<FlattenedJws, 'payload'>[];
}

export const PAYLOAD: Uint8Array = encodeUtf8('{\n  "type": "Manifest"\n}\n');

/** Certificates as x5c has them. */
export function x5cOf(by: IssuedCertificate): readonly string[] {
  return by.chain.map(toBase64);
}

/** An encoded header, whatever it says. */
export function jwsHeader(fields: unknown): string {
  return toBase64url(encodeUtf8(JSON.stringify(fields)));
}

/** A signature that is right for whatever the header says, made without the code under test. */
export async function signJws(
  by: IssuedCertificate,
  protectedHeader: string,
  payload: string = toBase64url(PAYLOAD),
): Promise<FlattenedJws> {
  const input = encodeUtf8(`${protectedHeader}.${payload}`);
  const signature = toBase64url(await by.signer.signMessage(input, 'ES256'));
  return { payload, protected: protectedHeader, signature };
}
