package outbox

import "context"

// run stands for elections until it is told to stop.
func (f *Forwarder) run(ctx context.Context) {
	defer close(f.done)
	select {
	case <-f.stop:
	case <-ctx.Done():
	}
}
