// What the browser keeps for the next visit. In frames storage may be forbidden: then nothing is kept.

const PREFIX = 'convoke.';
export type RememberedKey = 'name' | 'mic' | 'camera' | 'speaker' | 'view' | 'shortcuts' | 'mirror';

export function remembered(key: RememberedKey): string | null {
  try {
    return localStorage.getItem(PREFIX + key);
  } catch {
    return null;
  }
}

export function remember(key: RememberedKey, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(PREFIX + key);
    else localStorage.setItem(PREFIX + key, value);
  } catch {
    // Not kept.
  }
}
