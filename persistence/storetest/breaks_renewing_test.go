package storetest

import (
	"time"

	"github.com/troupe-rt/troupe/topic"
)

var breaksOfRenewing = []broken{
	{
		"renew does nothing",
		faults{renew: func(*plainTopic, string) bool { return true }},
		[]string{"renew/changes_the_epoch"},
	},
	{
		"renew whatever the epoch was",
		faults{renew: func(p *plainTopic, _ string) bool { p.epoch += "x"; return true }},
		[]string{"renew/once"},
	},
	{
		"renew clears",
		faults{renew: func(p *plainTopic, epoch string) bool {
			if p.epoch == epoch {
				*p = plainTopic{epoch: epoch + "x", ids: map[string]plainID{}}
			}
			return true
		}},
		[]string{"renew/changes_the_epoch", "renew/once"},
	},
	{
		"records say when they were read",
		faults{page: func(p *topic.Page, _ uint64, _ int) {
			for i := range p.Records {
				p.Records[i].At = p.Records[i].At.Add(time.Millisecond)
			}
		}},
		[]string{"renew/says_when"},
	},
}
