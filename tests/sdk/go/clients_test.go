// LiveKit's Go SDK (pion inside) against a relay that stands alone: two connections, on /rtc.
package clients

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/livekit/protocol/auth"
	"github.com/livekit/protocol/livekit"
	lksdk "github.com/livekit/server-sdk-go/v2"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"
	"github.com/pion/webrtc/v4/pkg/media"
	"github.com/pion/webrtc/v4/pkg/media/h264reader"
)

const (
	key      = "devkey"
	secret   = "devsecretdevsecretdevsecretdevsecret"
	patience = 15 * time.Second
)

var address string

// TestMain starts the relay of RELAY for all tests.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "convoke-relay-")
	if err != nil {
		panic(err)
	}
	config := filepath.Join(folder, "relay.toml")
	text := fmt.Sprintf("listen = \"127.0.0.1:0\"\ndata = %q\n[media]\nudp = \"127.0.0.1:0\"\nstun = \"127.0.0.1:0\"\n[operator]\nlisten = \"127.0.0.1:0\"\n[api_keys]\n%s = %q\n", folder, key, secret)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		panic(err)
	}
	relay := exec.Command(os.Getenv("RELAY"), "--config", config)
	relay.Env = append(os.Environ(), "RUST_LOG=relay=info", "NO_COLOR=1")
	lines, err := relay.StderrPipe()
	if err != nil {
		panic(err)
	}
	if err := relay.Start(); err != nil {
		panic(err)
	}
	said := bufio.NewScanner(lines)
	for http := regexp.MustCompile(`http=(\S+)`); address == "" && said.Scan(); {
		if found := http.FindStringSubmatch(said.Text()); found != nil {
			address = found[1]
		}
	}
	go func() {
		for said.Scan() {
		}
	}()
	status := m.Run()
	_ = relay.Process.Kill()
	_ = os.RemoveAll(folder)
	os.Exit(status)
}

// sent is what is played: the NAL units and Opus frames, and each as a set.
type sent struct {
	nals  [][]byte
	opus  [][]byte
	known map[string]bool
}

func recorded(t *testing.T) sent {
	t.Helper()
	all := sent{known: map[string]bool{}}
	file, err := os.Open("../../media/h.h264")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := h264reader.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	for {
		nal, err := reader.NextNAL()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all.nals = append(all.nals, nal.Data)
		all.known[string(nal.Data)] = true
	}
	frames, err := os.ReadFile("../../media/voice.opus-frames")
	if err != nil {
		t.Fatal(err)
	}
	for len(frames) > 2 {
		length := int(binary.BigEndian.Uint16(frames))
		all.opus = append(all.opus, frames[2:2+length])
		all.known[string(frames[2:2+length])] = true
		frames = frames[2+length:]
	}
	return all
}

// person is a session, and what it got.
type person struct {
	room *lksdk.Room
	mu   sync.Mutex
	// NAL units and Opus frames that are byte for byte some that were sent, and those that are not.
	pictures, sounds, wrong int
	said                    []string
}

func (p *person) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.said = append(p.said, text)
}

func (p *person) counts() (pictures, sounds, wrong int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pictures, p.sounds, p.wrong
}

func (p *person) heard(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.said {
		if one == text {
			return true
		}
	}
	return false
}

func enter(t *testing.T, room, identity string, media sent) *person {
	t.Helper()
	p := &person{}
	callback := lksdk.NewRoomCallback()
	callback.OnTrackSubscribed = func(track *webrtc.TrackRemote, _ *lksdk.RemoteTrackPublication, _ *lksdk.RemoteParticipant) {
		go p.receive(track, media)
	}
	callback.OnDataPacket = func(packet lksdk.DataPacket, from lksdk.DataReceiveParams) {
		if user, ok := packet.(*lksdk.UserDataPacket); ok {
			p.say(from.SenderIdentity + ": " + string(user.Payload))
		}
	}
	callback.OnReconnected = func() { p.say("reconnected") }
	callback.OnRoomMetadataChanged = func(metadata string) { p.say("metadata " + metadata) }
	callback.OnDisconnectedWithReason = func(reason lksdk.DisconnectionReason) { p.say(string(reason)) }
	token, err := auth.NewAccessToken(key, secret).SetIdentity(identity).SetVideoGrant(&auth.VideoGrant{RoomJoin: true, Room: room}).ToJWT()
	if err != nil {
		t.Fatal(err)
	}
	p.room, err = lksdk.ConnectToRoomWithToken("ws://"+address, token, callback)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.room.Disconnect)
	return p
}

// receive puts the NAL units of a picture together again and holds them, or the frames of a voice, against what was sent.
func (p *person) receive(track *webrtc.TrackRemote, media sent) {
	depacketizer := &codecs.H264Packet{}
	var unit []byte
	for {
		packet, _, err := track.ReadRTP()
		if err != nil {
			return
		}
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			p.mu.Lock()
			if media.known[string(packet.Payload)] {
				p.sounds++
			} else {
				p.wrong++
			}
			p.mu.Unlock()
			continue
		}
		part, err := depacketizer.Unmarshal(packet.Payload)
		if err != nil {
			continue
		}
		unit = append(unit, part...)
		if !packet.Marker {
			continue
		}
		// A lost packet before the session was steady leaves a unit that is none of ours; those are counted apart.
		p.mu.Lock()
		for _, nal := range bytes.Split(unit, []byte{0, 0, 0, 1}) {
			if len(nal) == 0 {
				continue
			}
			if media.known[string(nal)] {
				p.pictures++
			} else {
				p.wrong++
			}
		}
		p.mu.Unlock()
		unit = nil
	}
}

// publish plays the recording until the test ends; the tracks' ids.
func publish(t *testing.T, p *person, all sent) []string {
	t.Helper()
	var ids []string
	play := func(mime string, clock uint32, channels uint16, source livekit.TrackSource, samples [][]byte, every time.Duration) {
		track, err := lksdk.NewLocalTrack(webrtc.RTPCodecCapability{MimeType: mime, ClockRate: clock, Channels: channels})
		if err != nil {
			t.Fatal(err)
		}
		publication, err := p.room.LocalParticipant.PublishTrack(track, &lksdk.TrackPublicationOptions{Source: source, VideoWidth: 640, VideoHeight: 360})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, publication.SID())
		stop := make(chan struct{})
		t.Cleanup(func() { close(stop) })
		go func() {
			for n := 0; ; n++ {
				sample := media.Sample{Data: samples[n%len(samples)], Duration: every}
				// A NAL unit that is no slice is sent with the picture that follows it.
				pause := mime == webrtc.MimeTypeOpus || sample.Data[0]&0x1f == 1 || sample.Data[0]&0x1f == 5
				if !pause {
					sample.Duration = 0
				}
				_ = track.WriteSample(sample, nil)
				if !pause {
					continue
				}
				select {
				case <-stop:
					return
				case <-time.After(every):
				}
			}
		}()
	}
	play(webrtc.MimeTypeH264, 90_000, 0, livekit.TrackSource_CAMERA, all.nals, time.Second/30)
	play(webrtc.MimeTypeOpus, 48_000, 2, livekit.TrackSource_MICROPHONE, all.opus, 20*time.Millisecond)
	return ids
}

func until(t *testing.T, what string, probe func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !probe(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// witnesses waits until pictures and sound that were sent come on, and nothing else does.
func witnesses(t *testing.T, name string, p *person) {
	t.Helper()
	pictures, sounds, _ := p.counts()
	until(t, name+" sees and hears", func() bool {
		seen, heard, _ := p.counts()
		return seen > pictures+20 && heard > sounds+20
	})
}

func TestTwoSessionsSeeAndHearEachOtherExchangeDataAndComeBack(t *testing.T) {
	all := recorded(t)
	ann, bob := enter(t, "go", "ann", all), enter(t, "go", "bob", all)
	publish(t, ann, all)
	publish(t, bob, all)
	witnesses(t, "Ann", ann)
	witnesses(t, "Bob", bob)
	for _, reliable := range []bool{true, false} {
		packet := lksdk.UserData([]byte(fmt.Sprint("reliable ", reliable)))
		if err := ann.room.LocalParticipant.PublishDataPacket(packet, lksdk.WithDataPublishReliable(reliable)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "data", func() bool { return bob.heard("ann: reliable true") && bob.heard("ann: reliable false") })
	_ = bob.room.RegisterTextStreamHandler("notes", func(reader *lksdk.TextStreamReader, from string) { bob.say(from + " notes " + reader.ReadAll()) })
	ann.room.LocalParticipant.SendText("a note", lksdk.StreamTextOptions{Topic: "notes"})
	until(t, "a text stream", func() bool { return bob.heard("ann notes a note") })
	_ = ann.room.RegisterRpcMethod("greet", func(call lksdk.RpcInvocationData) (string, error) {
		return call.Payload + ", " + call.CallerIdentity, nil
	})
	answer, err := bob.room.LocalParticipant.PerformRpc(lksdk.PerformRpcParams{DestinationIdentity: "ann", Method: "greet", Payload: "Hello"})
	if err != nil || *answer != "Hello, bob" {
		t.Fatal(answer, err)
	}
	bob.room.Simulate(lksdk.SimulateSignalReconnect)
	until(t, "Bob back", func() bool { return bob.heard("reconnected") })
	witnesses(t, "Ann", ann)
	witnesses(t, "Bob", bob)
	for name, p := range map[string]*person{"Ann": ann, "Bob": bob} {
		pictures, sounds, wrong := p.counts()
		t.Logf("%s: %d NAL units and %d Opus frames as sent, %d others", name, pictures, sounds, wrong)
		// While the high layer is found or the way is new something may be missing; of a steady stream nothing is.
		if wrong*50 > pictures+sounds {
			t.Errorf("%s got %d things that nobody sent", name, wrong)
		}
	}
}

func TestTheServerApiMakesListsAndChangesRoomsAndParticipants(t *testing.T) {
	all, ctx := recorded(t), t.Context()
	service := lksdk.NewRoomServiceClient("http://"+address, key, secret)
	made, err := service.CreateRoom(ctx, &livekit.CreateRoomRequest{Name: "served", Metadata: "m0", EmptyTimeout: 60})
	if err != nil || made.Metadata != "m0" {
		t.Fatal(made, err)
	}
	ann, bob := enter(t, "served", "ann", all), enter(t, "served", "bob", all)
	tracks := publish(t, ann, all)
	witnesses(t, "Bob", bob)
	listed, err := service.ListParticipants(ctx, &livekit.ListParticipantsRequest{Room: "served"})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, one := range listed.Participants {
		names = append(names, one.Identity)
	}
	sort.Strings(names)
	if strings.Join(names, " ") != "ann bob" {
		t.Fatal(names)
	}
	if _, err := service.UpdateRoomMetadata(ctx, &livekit.UpdateRoomMetadataRequest{Room: "served", Metadata: "m1"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the new metadata", func() bool { return bob.heard("metadata m1") })
	if _, err := service.MutePublishedTrack(ctx, &livekit.MuteRoomTrackRequest{Room: "served", Identity: "ann", TrackSid: tracks[1], Muted: true}); err != nil {
		t.Fatal(err)
	}
	until(t, "a mute", func() bool {
		for _, publication := range bob.room.GetParticipantByIdentity("ann").TrackPublications() {
			if publication.SID() == tracks[1] {
				return publication.IsMuted()
			}
		}
		return false
	})
	if _, err := service.RemoveParticipant(ctx, &livekit.RoomParticipantIdentity{Room: "served", Identity: "ann"}); err != nil {
		t.Fatal(err)
	}
	until(t, "Ann out", func() bool { return bob.room.GetParticipantByIdentity("ann") == nil })
	if _, err := service.DeleteRoom(ctx, &livekit.DeleteRoomRequest{Room: "served"}); err != nil {
		t.Fatal(err)
	}
	until(t, "Bob out", func() bool { return bob.room.ConnectionState() == lksdk.ConnectionStateDisconnected })
}
