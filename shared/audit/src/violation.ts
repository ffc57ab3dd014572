// A record that breaks an invariant; audited-state.ts lists the invariants.

export type Invariant = 'I1' | 'I2' | 'I3' | 'I5' | 'I6' | 'I7' | 'I9' | 'I11' | 'R2';
export type Violation = { readonly sequence: number; readonly invariant: Invariant; readonly says: string };

/** Reports a violation by the record that is being read. */
export type Report = (invariant: Invariant, says: string) => void;
