package bustest

import (
	"cmp"
	"context"
	"testing"
	"time"

	"github.com/troupe-rt/troupe/topic"
)

// A Scene is three nodes on one backend, and what can be done to them. Every field
// is required.
type Scene struct {
	Nodes [3]topic.Relay

	// Break cuts a node off, perhaps all of them; the others can publish meanwhile or
	// are told that they can not. Mend undoes it.
	Break func(node int)
	Mend  func(node int)

	// Refuse makes the backend say no to every Follow, until it is called with false.
	Refuse func(on bool)

	// Followers is how many nodes the backend takes for followers of a topic.
	Followers func(topic string) int

	// Requests is how many commands to follow something the backend got so far. A bus
	// without a backend counts one per gathering.
	Requests func() int
}

// Options tell the suite about a bus.
type Options struct {
	// Bubble runs a case in which time is fake: synctest.Test. nil: time is real.
	Bubble func(t *testing.T, test func(t *testing.T))

	// Patience is how long a case waits for what must happen.
	//
	// Defaults to 30 seconds.
	Patience time.Duration
}

// T is what a case needs of a *testing.T.
type T interface {
	Context() context.Context
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Helper()
}

// Need is what a case asks of its Scene.
type Need struct {
	// Alone: the case disturbs all that use the same backend.
	Alone bool
}

type busCase struct {
	name  string
	run   func(s *scene)
	alone bool
}

var busCases = []busCase{
	{name: "BUS-01/every_follower_receives_once", run: everyFollower},
	{name: "BUS-02/own_frames_at_most_once", run: ownFrames},
	{name: "BUS-04/order_of_a_publisher", run: publisherOrder},
	{name: "BUS-04/many_at_once", run: manyAtOnce},
	{name: "BUS-07/byte_for_byte", run: byteForByte},
	{name: "BUS-07/a_frame_is_the_receivers", run: receiversOwn},
	{name: "BUS-08/names_do_not_collide", run: namesApart},
	{name: "BUS-10/following_again_replaces_the_sink", run: replacesSink},
	{name: "BUS-11/three_follows_at_once", run: threeAtOnce},
	{name: "BUS-12/unfollow_ends_it", run: unfollowEnds},
	{name: "BUS-13/publishing_needs_no_follow", run: publishAlone},
	{name: "BUS-16/refused_follow_leaves_nothing", run: refusedFollow, alone: true},
	{name: "BUS-17/arrives_again_after_an_interruption", run: arrivesAgain, alone: true},
	{name: "BUS-17/every_topic_is_restored", run: everyTopicRestored, alone: true},
	{name: "BUS-18/loss_is_announced", run: lossAnnounced, alone: true},
	{name: "SHD-01/only_what_is_followed", run: onlyFollowed},
	{name: "SHD-04/fifty_at_once_gather", run: fiftyGather, alone: true},
	{name: "SHD-06/twice_counts_once", run: twiceCountsOnce},
	{name: "SHD-07/refusal_leaves_others", run: refusalLeavesOthers, alone: true},
	{name: "SHD-12/churn", run: churn},
	{name: "SHD-12/churn_of_many", run: churnOfMany},
	{name: "follow/frames_arrive_when_it_returns", run: arrivesAtOnce},
	{name: "follow/context_ended_before", run: endedBefore},
	{name: "follow/context_ends_while_waiting", run: endsWaiting, alone: true},
	{name: "follow/waits_for_the_connection", run: waitsForConnection, alone: true},
	{name: "follow/unfollow_ends_waiting", run: unfollowEndsWaiting, alone: true},
	{name: "follow/of_a_followed_topic_returns_at_once", run: followedReturns},
	{name: "restored/once_per_interruption_and_first", run: restoredOnce, alone: true},
	{name: "restored/not_after_unfollow", run: notAfterUnfollow, alone: true},
	{name: "restored/not_without_interruption", run: notWithout},
	{name: "publish/context_ended_before", run: publishEnded},
}

// Run runs the suite. Open returns a Scene and leaves closing it to t.Cleanup; every
// case calls it once.
func Run(t *testing.T, open func(t *testing.T, need Need) *Scene, opts Options) {
	t.Helper()
	opts.Patience = cmp.Or(opts.Patience, 30*time.Second)
	for _, c := range busCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			test := func(t *testing.T) {
				c.run(&scene{T: t, Scene: open(t, Need{Alone: c.alone}), patience: opts.Patience})
			}
			if opts.Bubble == nil {
				test(t)
				return
			}
			opts.Bubble(t, test)
		})
	}
}
