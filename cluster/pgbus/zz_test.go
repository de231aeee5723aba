package pgbus_test
import ("log/slog";"os")
func init(){ testLogger = slog.New(slog.NewTextHandler(os.Stderr,nil)) }
