// Two pages with livekit-client and the server API are walked through all that a server must do, in thirty steps, while the signalling is
// counted: which messages each page sent and got in each step. traces.mjs holds servers against each other by it.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SignalRequest, SignalResponse } from '@livekit/protocol';
import { RoomServiceClient } from 'livekit-server-sdk';
import { until, visitor } from '../platform.mjs';
import { received } from './received.mjs';

const SDK = join(dirname(fileURLToPath(import.meta.url)), '../../../web/node_modules/livekit-client/dist/livekit-client.umd.js');
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Where a walk takes place: a server `{base, token, key, secret}`, a browser, and whether its pages use one connection. */
export class Scenario {
  constructor(server, browser, singlePeerConnection) {
    Object.assign(this, { server, browser, singlePeerConnection, room: `scenario-${randomUUID().slice(0, 8)}` });
    this.service = new RoomServiceClient(server.base, server.key, server.secret);
    /** By step: how often each page sent or got each kind of message. */
    this.trace = {};
    this.pages = {};
  }

  /** Takes the steps in turn; `each(name, action)` may wrap them. After each step what it sets off is waited for, unless `fast`. */
  async walk({ each = (_name, action) => action(), fast = false } = {}) {
    for (const [name, action, settle = 1_500] of this.steps()) {
      this.counts = this.trace[name] = {};
      await each(name, action);
      await pause(fast ? 200 : settle);
    }
  }

  count(who, direction, type, payload) {
    if (typeof payload === 'string') return;
    const { case: kind } = type.fromBinary(new Uint8Array(payload)).message;
    const key = `${who} ${direction} ${kind}`;
    this.counts[key] = (this.counts[key] ?? 0) + 1;
  }

  async enter(who, options = {}) {
    const page = await visitor(this.browser);
    page.on('websocket', (socket) => {
      socket.on('framesent', ({ payload }) => this.count(who, 'sends', SignalRequest, payload));
      socket.on('framereceived', ({ payload }) => this.count(who, 'gets', SignalResponse, payload));
    });
    await page.goto(`${this.server.base}/`);
    await page.addScriptTag({ path: SDK });
    await page.evaluate(async ({ url, token, options }) => {
      const { Room, RoomEvent } = window.LivekitClient;
      const room = new Room({ ...options, videoCaptureDefaults: { resolution: { width: 640, height: 360, frameRate: 15 } } });
      Object.assign(window, { room, said: [] });
      for (const event of ['Reconnected', 'Disconnected']) room.on(RoomEvent[event], (detail) => window.said.push(`${event} ${detail ?? ''}`.trim()));
      room.on(RoomEvent.DataReceived, (bytes) => window.said.push(new TextDecoder().decode(bytes)));
      room.registerTextStreamHandler('', async (reader) => window.said.push(`text ${await reader.readAll()}`));
      room.on(RoomEvent.TrackSubscribed, (track) => document.body.append(Object.assign(track.attach(), { width: 300 })));
      room.on(RoomEvent.TrackUnsubscribed, (track) => document.querySelector(track.kind)?.remove());
      await room.connect(url, token);
    }, {
      url: this.server.base.replace('http', 'ws'),
      token: this.server.token(this.room, who),
      options: { singlePeerConnection: this.singlePeerConnection, ...options },
    });
    return page;
  }

  /** Pictures that a page decoded of late go on. */
  async moves(page) {
    const before = (await received(page)).pictures;
    await until('the picture moves', async () => (await received(page)).pictures > before + 5);
  }

  /** None are decoded any more. */
  async stands(page) {
    await until('the picture stands', async () => {
      const before = (await received(page)).pictures;
      await pause(1_000);
      return (await received(page)).pictures === before;
    });
  }

  said = (page, text) => until(text, () => page.evaluate((text) => window.said.some((one) => one.startsWith(text)), text));

  onVideo = (page, call, value) => page.evaluate(([call, value]) => {
    for (const participant of window.room.remoteParticipants.values()) {
      for (const publication of participant.trackPublications.values()) if (publication.kind === 'video') publication[call](value);
    }
  }, [call, value]);

  simulate = (page, ...scenario) => page.evaluate((scenario) => {
    window.said.length = 0;
    return window.room.simulateScenario(...scenario);
  }, scenario);

  async back(page) {
    await this.said(page, 'Reconnected');
    await this.moves(page);
  }

  steps() {
    const { room, service, pages } = this;
    const me = (page, call, value) => page.evaluate(([call, value]) => window.room.localParticipant[call](value), [call, value]);
    const remote = (page, probe) => until(`${probe}`, () => page.evaluate(`(${probe})(window.room)`));
    const show = (display) => pages.b.evaluate((display) => document.querySelectorAll('video').forEach((video) => (video.style.display = display)), display);
    const publication = (sid, probe) => until(`${sid} ${probe}`, () => pages.b.evaluate(
      `(${probe})([...window.room.remoteParticipants.values()].flatMap((one) => [...one.trackPublications.values()]).find(({ trackSid }) => trackSid === '${sid}'))`,
    ));
    let tracks;
    return [
      ['CreateRoom', async () => assert.equal((await service.createRoom({ name: room, emptyTimeout: 60, metadata: 'm0' })).metadata, 'm0')],
      ['a joins', async () => { pages.a = await this.enter('a', { dynacast: true, adaptiveStream: true }); }],
      ['a publishes microphone and camera', () => me(pages.a, 'enableCameraAndMicrophone')],
      ['b joins', async () => {
        pages.b = await this.enter('b', { dynacast: true, adaptiveStream: true });
        await this.moves(pages.b);
      }, 4_000],
      ['b sends data: reliable, lossy, text stream', async () => {
        await pages.b.evaluate(async () => {
          const bytes = (text) => new TextEncoder().encode(text);
          await window.room.localParticipant.publishData(bytes('reliable'), { reliable: true, topic: 't' });
          await window.room.localParticipant.publishData(bytes('lossy'), { reliable: false });
          await window.room.localParticipant.sendText('hello');
        });
        for (const text of ['reliable', 'lossy', 'text hello']) await this.said(pages.a, text);
      }],
      ['a mutes', async () => {
        await me(pages.a, 'setMicrophoneEnabled', false);
        await remote(pages.b, (room) => [...room.remoteParticipants.values()][0].isMicrophoneEnabled === false);
      }],
      ['a unmutes', async () => {
        await me(pages.a, 'setMicrophoneEnabled', true);
        await remote(pages.b, (room) => [...room.remoteParticipants.values()][0].isMicrophoneEnabled);
      }],
      ['b hides the video', async () => {
        await show('none');
        await this.stands(pages.b);
      }, 4_000],
      ['b shows the video', async () => {
        await show('');
        await this.moves(pages.b);
      }],
      ['b asks for low quality', async () => {
        await this.onVideo(pages.b, 'setVideoQuality', 0);
        await this.moves(pages.b);
      }],
      ['b unsubscribes', async () => {
        await this.onVideo(pages.b, 'setSubscribed', false);
        await until('no picture', () => pages.b.evaluate(() => !document.querySelector('video')));
      }],
      ['b subscribes', async () => {
        await this.onVideo(pages.b, 'setSubscribed', true);
        await this.moves(pages.b);
      }],
      ['b resumes (signal lost)', async () => {
        await this.simulate(pages.b, 'signal-reconnect');
        await this.back(pages.b);
      }, 4_500],
      ['b resumes, then falls back to a full reconnect', async () => {
        await this.simulate(pages.b, 'resume-reconnect');
        await this.back(pages.b);
      }, 4_500],
      ['b reconnects in full', async () => {
        await this.simulate(pages.b, 'full-reconnect');
        await this.back(pages.b);
      }, 5_500],
      ['b has 60 kbit/s', async () => {
        await this.simulate(pages.b, 'subscriber-bandwidth', 60_000);
        // Over one connection livekit-client does not say that its pictures may stop: the low layer goes on.
        await (this.singlePeerConnection ? this.moves(pages.b) : this.stands(pages.b));
      }, 7_500],
      ['b has its bandwidth back', async () => {
        await this.simulate(pages.b, 'subscriber-bandwidth', 0);
        await this.moves(pages.b);
      }, 3_500],
      ['ListRooms', async () => assert.ok((await service.listRooms()).some(({ name }) => name === room))],
      ['ListParticipants', async () => {
        const all = await service.listParticipants(room);
        assert.deepEqual(all.map(({ identity }) => identity).toSorted(), ['a', 'b']);
        ({ tracks } = all.find(({ identity }) => identity === 'a'));
      }],
      ['GetParticipant', async () => assert.equal((await service.getParticipant(room, 'a')).tracks.length, 2)],
      ['MutePublishedTrack', async () => {
        await service.mutePublishedTrack(room, 'a', tracks[0].sid, true);
        await publication(tracks[0].sid, ({ isMuted }) => isMuted);
      }],
      ['UpdateParticipant', async () => {
        await service.updateParticipant(room, 'b', { metadata: 'mb', permission: { canSubscribe: true, canPublish: false, canPublishData: true } });
        await remote(pages.b, (room) => room.localParticipant.metadata === 'mb' && !room.localParticipant.permissions.canPublish);
      }],
      ['UpdateSubscriptions', async () => {
        await service.updateSubscriptions(room, 'b', [tracks[1].sid], false);
        await publication(tracks[1].sid, ({ isSubscribed }) => !isSubscribed);
      }],
      ['UpdateRoomMetadata', async () => {
        await service.updateRoomMetadata(room, 'm1');
        await remote(pages.b, (room) => room.metadata === 'm1');
      }],
      ['SendData', async () => {
        await service.sendData(room, new TextEncoder().encode('from the server'), 0, { topic: 'x' });
        await this.said(pages.a, 'from the server');
      }],
      ['b may not change its own metadata', () => assert.rejects(me(pages.b, 'setMetadata', 'own'))],
      ['a unpublishes the camera', async () => {
        await me(pages.a, 'setCameraEnabled', true);
        await pages.a.evaluate(async () => {
          const me = window.room.localParticipant;
          for (const { kind, track } of me.trackPublications.values()) if (kind === 'video') await me.unpublishTrack(track);
        });
        await remote(pages.b, (room) => [...[...room.remoteParticipants.values()][0].trackPublications.values()].every(({ kind }) => kind !== 'video'));
      }],
      ['a second b takes over', async () => {
        const first = pages.b;
        pages.b = await this.enter('b');
        await this.said(first, 'Disconnected');
      }],
      ['RemoveParticipant', async () => {
        await service.removeParticipant(room, 'a');
        await this.said(pages.a, 'Disconnected');
      }],
      ['c joins, DeleteRoom', async () => {
        pages.c = await this.enter('c');
        await service.deleteRoom(room);
        for (const page of [pages.b, pages.c]) await this.said(page, 'Disconnected');
      }],
    ];
  }
}
