import type { JsonObject, JsonValue } from '../types/report.ts';
import { isJsonArray, isJsonObject, member, withMembers } from './json-values.ts';

/** What a `replace:` / `additional:` rule says about entries `KEY=value` of an array of texts. */
export interface EnvRules {
  /** Keys whose measured value may be any. */
  readonly replaceable: ReadonlySet<string>;
  /** Keys that the reference need not have, with the value they must have (`*`: any). */
  readonly additional: ReadonlyMap<string, string>;
}

/** Whether a rule is one of {@link parseEnvRules}. */
export function isEnvRule(rule: string): boolean {
  return rule.startsWith('replace:') || rule.startsWith('additional:');
}

/**
 * Reads `replace:K=*[,K2=*]` and `additional:K=*|K=v[,...]`, joined with `;`.
 * `undefined` when the text is anything else.
 */
export function parseEnvRules(rule: string): EnvRules | undefined {
  const replaceable = new Set<string>();
  const additional = new Map<string, string>();
  for (const part of rule.split(';').map((text) => text.trim())) {
    const colon = part.indexOf(':');
    const verb = part.slice(0, colon);
    if (colon < 0 || (verb !== 'replace' && verb !== 'additional')) return undefined;
    for (const pattern of part.slice(colon + 1).split(',')) {
      const [key, value] = splitEntry(pattern);
      if (key === '' || value === undefined) return undefined;
      if (verb === 'replace') replaceable.add(key);
      else additional.set(key, value);
    }
  }
  return { replaceable, additional };
}

/**
 * The measured entries as they are compared with the reference: replaceable ones replaced by those
 * of the reference, allowed additional ones left out.
 */
export function applyEnvRules(
  rules: EnvRules,
  reference: readonly JsonValue[],
  measured: readonly JsonValue[],
): readonly JsonValue[] {
  const references = new Map<string, JsonValue>();
  for (const entry of reference) {
    if (typeof entry === 'string') references.set(splitEntry(entry)[0], entry);
  }
  return measured.flatMap((entry): readonly JsonValue[] => {
    if (typeof entry !== 'string') return [entry];
    const [key, value = ''] = splitEntry(entry);
    const expected = references.get(key);
    if (rules.replaceable.has(key)) return [expected ?? entry];
    const allowed = rules.additional.get(key);
    const dropped = expected === undefined && (allowed === '*' || allowed === value);
    return dropped ? [] : [entry];
  });
}

/** `spec` with the values of environment variables replaced that `rules` leave open. */
export function labelOpenEnv(spec: JsonObject, rules: JsonObject): JsonObject {
  const process = member(rules, 'process');
  const rule = isJsonObject(process) ? member(process, 'env') : undefined;
  const open = typeof rule === 'string' ? parseEnvRules(rule) : undefined;
  if (open === undefined) return spec;
  return mapEnv(spec, (key, entry) =>
    open.replaceable.has(key) || open.additional.has(key) ? `${key}=*` : entry,
  );
}

/** `spec` without the values of environment variables, which may be secrets. */
export function redactEnv(spec: JsonObject): JsonObject {
  return mapEnv(spec, (key) => `${key}=<redacted>`);
}

function mapEnv(spec: JsonObject, map: (key: string, entry: string) => string): JsonObject {
  const process = member(spec, 'process');
  const env = isJsonObject(process) ? member(process, 'env') : undefined;
  if (!isJsonObject(process) || !isJsonArray(env)) return spec;
  const mapped = env.map((entry) =>
    typeof entry === 'string' ? map(splitEntry(entry)[0], entry) : entry,
  );
  return withMembers(spec, { process: withMembers(process, { env: mapped }) });
}

function splitEntry(entry: string): [key: string, value: string | undefined] {
  const at = entry.indexOf('=');
  return at < 0 ? [entry, undefined] : [entry.slice(0, at), entry.slice(at + 1)];
}
