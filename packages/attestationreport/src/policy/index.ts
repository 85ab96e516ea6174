export type { PolicyEngine, PolicyVerdict } from './policy-engine.ts';
