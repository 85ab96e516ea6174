export type { JsPolicyEngine, PolicyEngineOptions } from './create-policy-engine.ts';
export {
  createPolicyEngine,
  MAX_POLICY_BYTES,
  MAX_RESULT_LENGTH,
  MAX_WAITING,
} from './create-policy-engine.ts';
export type { PolicyEngine, PolicyVerdict } from './policy-engine.ts';
