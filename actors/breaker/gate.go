package breaker

// A Gate lets calls through or refuses them. It has the methods of go-redis's
// Limiter. Both may be called from any goroutine and never block on anything but
// a short lock.
//
// A caller that was let through must report. Who reports is not known: while the
// breaker probes, the first report counts as the probe's, also that of a call
// which began before. [Breaker.Do] tells them apart.
type Gate struct{ breaker *Breaker }

// Gate returns the breaker's gate.
func (b *Breaker) Gate() *Gate { return &Gate{b} }

// Allow returns nil if a call may go out, else an *OpenError.
func (g *Gate) Allow() error {
	_, err := g.breaker.admit()
	return err
}

// ReportResult takes the outcome of a call that Allow let through; nil is success.
func (g *Gate) ReportResult(result error) {
	if result == nil {
		g.breaker.report(anonymous, succeeded, nil)
		return
	}
	g.breaker.report(anonymous, g.breaker.options.judge(result), result)
}
