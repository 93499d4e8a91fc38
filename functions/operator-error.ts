/** Something that who runs the program can mend. Its message says what is wrong and what to do, and is all that they are told. */
export abstract class OperatorError extends Error {}

/** An error as it is told to who runs the program: in a sentence what a person can mend, else with where it happened. */
export function toldToOperator(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error instanceof OperatorError ? error.message : (error.stack ?? error.message);
}
