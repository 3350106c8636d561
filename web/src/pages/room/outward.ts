// The room as the page that frames or opened it hears it.
import type { RoomPage } from '../../config/page';
import type { RoomParams } from '../../config/params';
import { openChannel, postLeave, type Channel } from '../../embed/channel';
import { dispatch, type RoomCommands } from '../../embed/commands';
import { ownerOf, viewOf } from '../../embed/origin';
import { report, type Watched } from '../../embed/reports';
import { stayFindable } from '../../embed/reuse';
import type { Phase } from '../../room/phase';
import { isFinal, reasonOf, type Ending } from '../../room/reasons';

export class Outward {
  private readonly channel: Channel;
  private unloaded = false;
  private stopReport: () => void = () => undefined;

  constructor(
    private readonly window: Window,
    private readonly page: RoomPage,
    private readonly params: RoomParams,
  ) {
    this.channel = openChannel(window, ownerOf(viewOf(window), params.parentOrigin), params.events);
  }

  /** Opens the channel both ways. */
  open(watched: Watched, commands: RoomCommands): void {
    this.channel.listen((message) => {
      const found = message.type === 'widget' && message.action === '_pong';
      if (found) this.greet(watched);
      return found || dispatch(message, commands);
    });
    this.greet(watched);
    if (!this.params.events || this.window.parent !== this.window) return;
    stayFindable({
      name: this.window.name,
      opener: this.window.opener as Window | null,
      ping: (name) => this.channel.send('widget', '_ping', { name }),
      channel: new BroadcastChannel('widget-channel'),
    });
  }

  // Tells that we are there and how things are; again to an opener that has found us again.
  private greet(watched: Watched): void {
    this.stopReport();
    this.channel.send('room', 'READY');
    this.stopReport = report(this.channel, watched);
  }

  /** The visit is over. Answers whether for good. */
  left(ending: Ending): boolean {
    const reason = reasonOf(ending);
    if (ending !== 'not_found') postLeave(this.window, this.page.leaveEventType, reason);
    this.channel.send('conference', 'CONFERENCE_CALL_EXIT', { reason });
    const final = isFinal(ending);
    if (final) this.unload(reason);
    return final;
  }

  /** The page goes away: whoever was inside, or at the door, has left. */
  goes(phase: Phase): void {
    if (phase.at === 'over') {
      this.unload(reasonOf(phase.ending));
      return;
    }
    const reason = phase.at === 'waiting' ? 'not_started' : 'left';
    postLeave(this.window, this.page.leaveEventType, reason);
    const known = phase.at === 'in' || phase.at === 'knocking';
    if (known) this.channel.send('conference', 'CONFERENCE_CALL_EXIT', { reason });
    this.unload(reason);
  }

  /** The visitor comes back in. */
  returns(): void {
    this.unloaded = false;
  }

  private unload(reason: string): void {
    if (this.unloaded) return;
    this.unloaded = true;
    this.channel.send('room', 'UNLOAD', { reason });
  }
}
