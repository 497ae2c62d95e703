export { Answers, type BlockAnswers, type CallerAnswers } from './answers.ts';
export { CallReport, groupings, type Figures, type Grouping } from './call-figures.ts';
export { changesOf, type Change } from './changes.ts';
export { ForwardingReport, type ForwardedBy, type ForwardedRow } from './forwarding.ts';
export { RuleHits, ruleUse, type RuleUse } from './rule-use.ts';
export { scan, type Basis, type Period } from './scan.ts';
export { SpikeWatch, type Spike } from './spikes.ts';
export { suggestionsFor, type Suggestion } from './suggestions.ts';
