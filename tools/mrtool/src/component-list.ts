import type { Component } from '@cmc/attestationreport';
import { componentSchema, encodeStruct } from '@cmc/attestationreport/codec';
import { decodeUtf8 } from '@cmc/bytes';

/** Reference components as `metatool create manifest --components` takes them, one on a line. */
export function componentsText(components: readonly Component[]): string {
  const lines = components.map((each) => decodeUtf8(encodeStruct(componentSchema, each, 'json')));
  return `[${lines.join(',\n ')}]\n`;
}
