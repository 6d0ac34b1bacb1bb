"""Keys of series, which have to say again what they were made of."""

from hypothesis import given
from hypothesis import strategies as st

from ml.ledger.entry import key_of, parts_of
from ml.panel import Series


@given(
    st.builds(
        Series,
        st.just("acme"),
        st.none() | st.text(min_size=1),
        st.none() | st.text(min_size=1),
        st.none() | st.text(min_size=1),
        st.none() | st.text(min_size=1),
    )
)
def test_a_key_tells_again_what_it_was_made_of(series: Series) -> None:
    told = {
        "connection": series.connection,
        "channel": series.channel,
        "campaign": series.campaign,
        "currency": series.currency,
    }
    assert parts_of(key_of(series)) == {
        name: value for name, value in told.items() if value is not None
    }
