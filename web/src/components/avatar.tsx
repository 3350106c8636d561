// Initials in a steady colour, where there is no picture.
import { hueOf, initials } from '../room/people';

export const HUES = 8;

export function Avatar({ name, identity }: { name: string; identity: string }) {
  return (
    <span class={`avatar hue-${hueOf(identity, HUES)}`} aria-hidden="true">
      <svg viewBox="0 0 100 100">
        <text x="50" y="52" text-anchor="middle" dominant-baseline="central">
          {initials(name)}
        </text>
      </svg>
    </span>
  );
}
