// The button that sends a form, and says while it is on its way.

interface SubmitProps {
  /** What it says. */
  text: string;
  /** What it says while the form is on its way. */
  going: string;
  busy: boolean;
}

export function Submit({ text, going, busy }: SubmitProps) {
  return (
    <button type="submit" class="button button-primary button-large" aria-disabled={busy}>
      {busy && <span class="spinner" aria-hidden="true" />}
      {busy ? going : text}
    </button>
  );
}
