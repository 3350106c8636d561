// Which window and origin this page belongs to.

export interface Owner {
  window: Window;
  /** The exact origin, or `null` while it is not known. */
  origin: string | null;
}

interface View {
  self: Window;
  parent: Window;
  opener: Window | null;
  referrer: string;
  ancestorOrigins: readonly string[];
}

/** The origin of an address, or `null` if it has none that messages can be sent to. */
export function originOf(address: string | null | undefined): string | null {
  if (!address) return null;
  try {
    const { origin, protocol } = new URL(address);
    return protocol === 'http:' || protocol === 'https:' ? origin : null;
  } catch {
    return null;
  }
}

/**
 * The framing page, else the opener. The browser tells a framing page's origin, or the referrer
 * does; where a sign-in in between has dropped the referrer, `told` is what the sign-in saw. A false
 * `told` gains nothing: a message to an origin that the window does not have is not delivered.
 */
export function ownerOf(view: View, told: string | null): Owner | null {
  if (view.parent !== view.self) {
    const origin = originOf(view.ancestorOrigins[0]) ?? originOf(view.referrer) ?? originOf(told);
    return { window: view.parent, origin };
  }
  if (view.opener) {
    return { window: view.opener, origin: originOf(view.referrer) ?? originOf(told) };
  }
  return null;
}

/** What `ownerOf` needs, from the window. */
export function viewOf(window: Window): View {
  // Not every browser has it.
  const list = Reflect.get(window.location, 'ancestorOrigins') as DOMStringList | undefined;
  return {
    self: window,
    parent: window.parent,
    opener: window.opener as Window | null,
    referrer: window.document.referrer,
    ancestorOrigins: list ? [...list] : [],
  };
}
