import type { JsonObject, JsonValue } from '../types/report.ts';
import { applyEnvRules, isEnvRule, parseEnvRules } from './env-rules.ts';
import { emptyObject, equalJson, isJsonArray, isJsonObject, member } from './json-values.ts';

/** The first member of a measured configuration that its reference does not allow. */
export interface SpecDifference {
  /** Where, outermost first: `['process', 'args']`. */
  readonly path: readonly string[];
  /** Why; without values of the configuration, which may be secrets. */
  readonly reason: string;
}

export interface CompareOciSpecOptions {
  /** As {@link canonicalSpec} gives it. */
  readonly reference: JsonObject;
  /** As {@link canonicalSpec} gives it. */
  readonly measured: JsonObject;
  /** What may differ: an object that mirrors the configuration. Absent: nothing may. */
  readonly rules?: JsonObject;
}

/**
 * The first difference between a measured OCI runtime configuration and its reference that the
 * rules do not allow; `undefined` when the measured one is acceptable. Without a rule, a member must
 * be equal, and a member that the reference lacks must be absent. A rule is `mandatory`, `optional`,
 * `modifiable`, `subset`, `additional[:value]`, `replace:KEY=*,...`, an object of rules for the
 * members, or an array of rules for the first elements.
 */
export function compareOciSpec(options: CompareOciSpecOptions): SpecDifference | undefined {
  const { reference, measured, rules = emptyObject() } = options;
  return compareObjects({ reference, measured, rule: rules, path: [] });
}

interface Comparison<T> {
  readonly reference: T;
  readonly measured: JsonValue | undefined;
  readonly path: readonly string[];
}

function compareObjects(
  comparison: Comparison<JsonObject> & { readonly rule: JsonObject },
): SpecDifference | undefined {
  const { reference, measured, rule: rules, path } = comparison;
  if (!isJsonObject(measured)) return { path, reason: 'is not an object' };
  for (const [key, value] of Object.entries(reference)) {
    const difference = compareValues({
      reference: value,
      measured: member(measured, key),
      rule: member(rules, key),
      path: [...path, key],
    });
    if (difference !== undefined) return difference;
  }
  for (const [key, value] of Object.entries(measured)) {
    if (Object.hasOwn(reference, key)) continue;
    const reason = unexpected(member(rules, key), value);
    if (reason !== undefined) return { path: [...path, key], reason };
  }
  return undefined;
}

function compareValues(
  comparison: Comparison<JsonValue> & { readonly rule: JsonValue | undefined },
): SpecDifference | undefined {
  const { reference, measured, path } = comparison;
  const rule = comparison.rule === undefined ? 'mandatory' : comparison.rule;
  if (isJsonObject(rule)) {
    if (!isJsonObject(reference)) return { path, reason: 'the rule is for an object' };
    return compareObjects({ reference, measured, rule, path });
  }
  if (isJsonArray(rule)) return compareArrays({ reference, measured, rule, path });
  const reason = typeof rule === 'string' ? judge(rule, reference, measured) : unknownRule(rule);
  return reason === undefined ? undefined : { path, reason };
}

function compareArrays(
  comparison: Comparison<JsonValue> & { readonly rule: readonly JsonValue[] },
): SpecDifference | undefined {
  const { reference, measured, rule: rules, path } = comparison;
  if (!isJsonArray(reference)) return { path, reason: 'the rules are for an array' };
  if (!isJsonArray(measured)) return { path, reason: 'is not an array' };
  if (measured.length !== reference.length) {
    return {
      path,
      reason: `has ${measured.length} elements, the reference has ${reference.length}`,
    };
  }
  if (rules.length > reference.length) {
    return { path, reason: `has ${reference.length} elements, the rules are for ${rules.length}` };
  }
  for (const [i, value] of reference.entries()) {
    const difference = compareValues({
      reference: value,
      measured: measured[i],
      rule: rules[i],
      path: [...path, String(i)],
    });
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function judge(
  rule: string,
  reference: JsonValue,
  measured: JsonValue | undefined,
): string | undefined {
  if (isEnvRule(rule)) return judgeEnv(rule, reference, measured);
  switch (rule) {
    case 'mandatory':
      return equalJson(reference, measured) ? undefined : different(measured);
    case 'optional':
      return measured === undefined || equalJson(reference, measured)
        ? undefined
        : different(measured);
    case 'modifiable':
      return undefined;
    case 'subset':
      return judgeSubset(reference, measured);
    default:
      return unknownRule(rule);
  }
}

function judgeSubset(reference: JsonValue, measured: JsonValue | undefined): string | undefined {
  if (!isJsonArray(reference) || !isJsonArray(measured)) {
    return equalJson(reference, measured) ? undefined : 'the rule subset is for two arrays';
  }
  const foreign = measured.find((value) => !reference.some((other) => equalJson(value, other)));
  return foreign === undefined ? undefined : 'has an element that the reference does not have';
}

function judgeEnv(
  rule: string,
  reference: JsonValue,
  measured: JsonValue | undefined,
): string | undefined {
  const rules = parseEnvRules(rule);
  if (rules === undefined) return unknownRule(rule);
  if (!isJsonArray(reference) || !isJsonArray(measured)) {
    return `the rule ${rule} is for two arrays`;
  }
  return equalJson(reference, applyEnvRules(rules, reference, measured))
    ? undefined
    : 'differs from the reference in more than the rule allows';
}

function unexpected(rule: JsonValue | undefined, measured: JsonValue): string | undefined {
  if (rule === 'additional') return undefined;
  if (typeof rule === 'string' && rule.startsWith('additional:')) {
    return measured === rule.slice('additional:'.length)
      ? undefined
      : 'has another value than the rule allows';
  }
  return 'is not in the reference';
}

function different(measured: JsonValue | undefined): string {
  return measured === undefined ? 'is missing' : 'differs from the reference';
}

function unknownRule(rule: JsonValue): string {
  return `has a rule that is not known: ${JSON.stringify(rule)}`;
}
