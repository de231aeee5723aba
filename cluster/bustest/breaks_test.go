package bustest

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// faults change a plainBus where they are not zero.
type faults struct {
	name      func(name string) string                                                 // of a channel
	carry     func(frame []byte) []byte                                                // on its way
	copies    func(sent, from, to int) int                                             // that arrive
	restore   func(told int) int                                                       // times that a Sink is told
	sinceOf   func(since time.Time) time.Time                                          // what it is told
	onRefused func(ctx context.Context, n *plainNode, key string, to topic.Sink) error // what Follow does then
	cost      int                                                                      // requests of a Follow

	publishLate, followLate            bool // the context is not asked
	publisherFollows                   bool // who does not follow can not publish
	everywhere                         bool // frames go to all topics
	pileUp, firstSink                  bool // a second Follow adds a Sink, or is ignored
	followAsync, unfollowNext          bool // it returns before it has happened, or ends the next Follow
	acceptRefused, refusalDrops        bool
	impatient, keepAbandoned           bool // Follow does not wait, or stays after its context
	unfollowNever, unfollowDeaf        bool // at all, or without a connection
	neverMend, restoreLate, restoreNew bool
}

func isNil[F any](f *F) bool {
	switch f := any(f).(type) {
	case *func(string) string:
		return *f == nil
	case *func([]byte) []byte:
		return *f == nil
	case *func(int, int, int) int:
		return *f == nil
	case *func(time.Time) time.Time:
		return *f == nil
	case *func(context.Context, *plainNode, string, topic.Sink) error:
		return *f == nil
	}
	panic("bustest: no such fault")
}

// A broken bus and the cases that must notice.
type broken struct {
	name   string
	faults faults
	caught []string
}

var breaks = []broken{
	{
		"the first frame is lost",
		faults{copies: func(sent, _, _ int) int { return min(sent-1, 1) }},
		[]string{"BUS-01/every_follower_receives_once", "BUS-04/order_of_a_publisher", "SHD-01/only_what_is_followed",
			"BUS-10/following_again_replaces_the_sink"},
	},
	{
		"frames come twice",
		faults{copies: func(_, _, _ int) int { return 2 }},
		[]string{"BUS-01/every_follower_receives_once", "BUS-02/own_frames_at_most_once", "BUS-04/many_at_once",
			"BUS-11/three_follows_at_once", "BUS-18/loss_is_announced"},
	},
	{
		"own frames come twice",
		faults{copies: func(_, from, to int) int {
			if from == to {
				return 2
			}
			return 1
		}},
		[]string{"BUS-02/own_frames_at_most_once"},
	},
	{
		"every seventh frame is lost",
		faults{copies: func(sent, _, _ int) int {
			if sent%7 == 6 {
				return 0
			}
			return 1
		}},
		[]string{"BUS-04/many_at_once", "BUS-04/order_of_a_publisher", "BUS-18/loss_is_announced", "follow/frames_arrive_when_it_returns"},
	},
	{
		"frames are text",
		faults{carry: func(b []byte) []byte { return bytes.ToValidUTF8(b, []byte("?")) }},
		[]string{"BUS-07/byte_for_byte"},
	},
	{
		"frames are lines",
		faults{carry: func(b []byte) []byte { return bytes.TrimRight(bytes.Clone(b), "\r\n") }},
		[]string{"BUS-07/byte_for_byte"},
	},
	{
		"all share the publisher's slice",
		faults{carry: func(b []byte) []byte { return b }},
		[]string{"BUS-07/a_frame_is_the_receivers"},
	},
	{
		"names in one case",
		faults{name: strings.ToLower},
		[]string{"BUS-08/names_do_not_collide"},
	},
	{
		"names without braces",
		faults{name: noBraces.Replace},
		[]string{"BUS-08/names_do_not_collide"},
	},
	{
		"names unescaped",
		faults{name: strings.NewReplacer("%7B", "{", "%7D", "}").Replace},
		[]string{"BUS-08/names_do_not_collide"},
	},
	{
		"every topic is every other",
		faults{everywhere: true},
		[]string{"BUS-08/names_do_not_collide", "SHD-01/only_what_is_followed"},
	},
	{
		"the first sink stays",
		faults{firstSink: true},
		[]string{"BUS-10/following_again_replaces_the_sink"},
	},
	{
		"follows pile up",
		faults{pileUp: true},
		[]string{"BUS-10/following_again_replaces_the_sink", "BUS-11/three_follows_at_once", "SHD-06/twice_counts_once",
			"follow/of_a_followed_topic_returns_at_once"},
	},
	{
		"unfollow does nothing",
		faults{unfollowNever: true},
		[]string{"BUS-12/unfollow_ends_it", "SHD-06/twice_counts_once", "SHD-12/churn", "SHD-12/churn_of_many",
			"restored/not_after_unfollow", "follow/unfollow_ends_waiting"},
	},
	{
		"unfollow does nothing without a connection",
		faults{unfollowDeaf: true},
		[]string{"follow/unfollow_ends_waiting", "restored/not_after_unfollow"},
	},
	{
		"unfollow ends the next follow",
		faults{unfollowNext: true},
		[]string{"SHD-12/churn", "SHD-12/churn_of_many"},
	},
	{
		"only followers can publish",
		faults{publisherFollows: true},
		[]string{"BUS-13/publishing_needs_no_follow"},
	},
	{
		"refusal is not noticed",
		faults{acceptRefused: true},
		[]string{"BUS-16/refused_follow_leaves_nothing", "SHD-07/refusal_leaves_others"},
	},
	{
		"a refused follow stays",
		faults{onRefused: func(_ context.Context, n *plainNode, key string, to topic.Sink) error {
			n.entry(key, to).ready = true
			return errRefused
		}},
		[]string{"BUS-16/refused_follow_leaves_nothing"},
	},
	{
		"a refused follow waits",
		faults{onRefused: func(ctx context.Context, n *plainNode, _ string, _ topic.Sink) error {
			n.bus.mu.Unlock()
			<-ctx.Done()
			n.bus.mu.Lock()
			return ctx.Err()
		}},
		[]string{"BUS-16/refused_follow_leaves_nothing"},
	},
	{
		"a refusal drops all",
		faults{refusalDrops: true},
		[]string{"SHD-07/refusal_leaves_others"},
	},
	{
		"the connection stays broken",
		faults{neverMend: true},
		[]string{"BUS-17/arrives_again_after_an_interruption", "BUS-17/every_topic_is_restored", "BUS-18/loss_is_announced",
			"follow/waits_for_the_connection", "follow/context_ends_while_waiting"},
	},
	{
		"nobody is told",
		faults{restore: func(int) int { return 0 }},
		[]string{"BUS-17/arrives_again_after_an_interruption", "BUS-17/every_topic_is_restored", "BUS-18/loss_is_announced",
			"restored/once_per_interruption_and_first", "restored/not_after_unfollow"},
	},
	{
		"one topic is told",
		faults{restore: func(told int) int { return max(0, 1-told) }},
		[]string{"BUS-17/every_topic_is_restored"},
	},
	{
		"told twice",
		faults{restore: func(int) int { return 2 }},
		[]string{"restored/once_per_interruption_and_first"},
	},
	{
		"told after the first frame",
		faults{restore: func(int) int { return 0 }, restoreLate: true},
		[]string{"restored/once_per_interruption_and_first"},
	},
	{
		"the loss is said to begin when it ends",
		faults{sinceOf: func(time.Time) time.Time { return time.Now().Add(time.Minute) }},
		[]string{"BUS-17/every_topic_is_restored", "restored/once_per_interruption_and_first"},
	},
	{
		"a new follow is told of an interruption",
		faults{restoreNew: true},
		[]string{"restored/not_without_interruption", "follow/waits_for_the_connection"},
	},
	{
		"each follow is a command",
		faults{cost: 1},
		[]string{"SHD-04/fifty_at_once_gather"},
	},
	{
		"follow returns early",
		faults{followAsync: true},
		[]string{"follow/frames_arrive_when_it_returns"},
	},
	{
		"the context is not asked",
		faults{followLate: true, publishLate: true},
		[]string{"follow/context_ended_before"},
	},
	{
		"publish does not ask the context",
		faults{publishLate: true},
		[]string{"publish/context_ended_before"},
	},
	{
		"an abandoned follow stays",
		faults{keepAbandoned: true},
		[]string{"follow/context_ends_while_waiting"},
	},
	{
		"follow does not wait",
		faults{impatient: true},
		[]string{"follow/waits_for_the_connection", "follow/context_ends_while_waiting"},
	},
}
