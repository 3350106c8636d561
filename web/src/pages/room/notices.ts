// What the visitor is told of what happens: shown for a while, or only read out where it is seen anyway.
import { effect } from '@preact/signals';
import { t } from '../../i18n/text';
import type { Rules } from '../../room/rules';
import type { RoomModel } from './model';

/** Tells from now on. */
export function announce(room: RoomModel): void {
  forgetAtTheEnd(room);
  announceConnection(room);
  announceRole(room);
  announceRules(room);
  announceScreens(room);
  announceWaiting(room);
}

function forgetAtTheEnd({ meeting, toasts }: RoomModel): void {
  effect(() => {
    if (meeting.phase.value.at === 'over') toasts.clear();
  });
}

// Back after an interruption; let in after knocking.
function announceConnection({ meeting, away, toasts }: RoomModel): void {
  let wasAway = false;
  let knocked = false;
  effect(() => {
    const { at } = meeting.phase.value;
    const isAway = away.value;
    if (at === 'in' && knocked) toasts.say(t('knocking.admitted'));
    else if (at === 'in' && wasAway && !isAway) toasts.show(t('toast.back'), { icon: 'check' });
    wasAway = isAway;
    knocked = at === 'knocking';
  });
}

function announceRole({ meeting, toasts }: RoomModel): void {
  let led: boolean | null = null;
  effect(() => {
    const leads = meeting.phase.value.at === 'in' ? meeting.moderates.value : null;
    if (led !== null && leads !== null && leads !== led) {
      toasts.show(t(leads ? 'toast.promoted' : 'toast.demoted'), { icon: 'star' });
    }
    led = leads;
  });
}

function announceRules({ meeting, toasts }: RoomModel): void {
  let before: Rules | null = null;
  effect(() => {
    const rules = meeting.phase.value.at === 'in' ? meeting.rules.value : null;
    const former = before;
    before = rules;
    if (!rules || !former) return;
    if (rules.locked !== former.locked) {
      toasts.show(t(rules.locked ? 'toast.locked' : 'toast.unlocked'), { icon: 'lock' });
    }
    if (rules.muteMode !== former.muteMode) {
      toasts.show(t(`toast.mode.${rules.muteMode}`), { icon: 'people' });
    }
  });
}

function announceScreens({ sharer, toasts }: RoomModel): void {
  effect(() => {
    const sharing = sharer.value;
    if (sharing && !sharing.isLocal) {
      toasts.show(t('toast.sharing', { name: sharing.name.peek() }), { icon: 'share' });
    }
  });
}

// The banner or the list shows them; who does not see those hears of everybody who comes to the door.
function announceWaiting({ meeting, roster, toasts }: RoomModel): void {
  let known: ReadonlySet<string> = new Set();
  effect(() => {
    const leads = meeting.phase.value.at === 'in' && meeting.moderates.value;
    const waiting = leads ? roster.waiting.value : [];
    const [first, ...more] = waiting.filter(({ identity }) => !known.has(identity));
    known = new Set(waiting.map(({ identity }) => identity));
    if (!first) return;
    const text =
      more.length === 0
        ? t('banner.waiting', { name: first.name })
        : t('banner.waiting.many', { count: String(waiting.length) });
    toasts.say(text);
  });
}
