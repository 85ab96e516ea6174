import type { JsonObject, JsonValue } from '../types/report.ts';
import { isJsonArray, isJsonObject, member, withMembers } from './json-values.ts';
import { type Compare, sortUnstable } from './unstable-sort.ts';

type Order = Compare<JsonValue>;

/**
 * A copy of an OCI runtime configuration with the arrays sorted whose order has no meaning, so that
 * equal configurations have equal hashes.
 */
export function sortSpec(spec: JsonObject): JsonObject {
  return change(spec, {
    process: inObject((process) =>
      change(process, {
        env: sorted(byText),
        capabilities: inObject((capabilities) =>
          change(capabilities, {
            bounding: sorted(byText),
            effective: sorted(byText),
            inheritable: sorted(byText),
            permitted: sorted(byText),
            ambient: sorted(byText),
          }),
        ),
      }),
    ),
    mounts: sorted(byMembers('source', 'destination')),
    linux: inObject((linux) =>
      change(linux, {
        maskedPaths: sorted(byText),
        readonlyPaths: sorted(byText),
        namespaces: sorted(byMembers('type')),
        resources: inObject((resources) =>
          change(resources, { devices: sorted(byMembers('type', 'major', 'minor')) }),
        ),
        seccomp: inObject((seccomp) =>
          change(seccomp, {
            architectures: sorted(byText),
            flags: sorted(byText),
            syscalls: (syscalls) => sorted(bySyscall)(eachObject(syscalls, sortNames)),
          }),
        ),
      }),
    ),
  });
}

type Change = (value: JsonValue) => JsonValue;

function change(object: JsonObject, changes: Readonly<Record<string, Change>>): JsonObject {
  const changed: Record<string, JsonValue> = {};
  for (const [key, apply] of Object.entries(changes)) {
    const value = member(object, key);
    if (value !== undefined) changed[key] = apply(value);
  }
  return withMembers(object, changed);
}

function inObject(apply: (object: JsonObject) => JsonObject): Change {
  return (value) => (isJsonObject(value) ? apply(value) : value);
}

function sorted(order: Order): Change {
  return (value) => (isJsonArray(value) ? sortUnstable(value, order) : value);
}

function eachObject(value: JsonValue, apply: (object: JsonObject) => JsonObject): JsonValue {
  return isJsonArray(value) ? value.map(inObject(apply)) : value;
}

function sortNames(syscall: JsonObject): JsonObject {
  return change(syscall, { names: sorted(byText) });
}

function byText(a: JsonValue, b: JsonValue): number {
  return compareText(textOf(a), textOf(b));
}

/** Text members by text (absent is ''), numbers by value (absent is -1). */
function byMembers(...keys: readonly string[]): Order {
  return (a, b) => {
    for (const key of keys) {
      const [left, right] = [memberOf(a, key), memberOf(b, key)];
      const order =
        typeof left === 'string' || typeof right === 'string'
          ? byText(left ?? '', right ?? '')
          : numberOf(left) - numberOf(right);
      if (order !== 0) return order;
    }
    return 0;
  };
}

function bySyscall(a: JsonValue, b: JsonValue): number {
  const names = compareText(joinedNames(a), joinedNames(b));
  return names === 0 ? byText(memberOf(a, 'action') ?? '', memberOf(b, 'action') ?? '') : names;
}

function joinedNames(syscall: JsonValue): string {
  const names = memberOf(syscall, 'names');
  return isJsonArray(names) ? names.map(textOf).join(',') : '';
}

function memberOf(value: JsonValue, key: string): JsonValue | undefined {
  return isJsonObject(value) ? member(value, key) : undefined;
}

function numberOf(value: JsonValue | undefined): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : -1;
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : '';
}

/** Order of two texts by their UTF-8 bytes, which is the order of their code points. */
function compareText(a: string, b: string): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left !== right) return byCodePoint(left) - byCodePoint(right);
  }
  return a.length - b.length;
}

// UTF-16 puts surrogates (code points from U+10000) below U+E000..U+FFFF; code points do not.
function byCodePoint(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
