"""Readers of records. Each reader returns a site dataset; see :func:`jules_ml.data.site.site_dataset`.

Readers of the experiment file, by the name under ``[data] reader``:

=================  ==================================================  =========================================
name               record                                              function or section
=================  ==================================================  =========================================
``alma``           ALMA netCDF, such as PLUMBER2                       :func:`.alma.read_alma`
``ameriflux``      AmeriFlux BASE: towers, not gap-filled              :class:`.ameriflux.AmerifluxRecord`
``auto``           the reader that recognises the file                 :class:`.auto.AutoRecord`
``cosmos_uk``      COSMOS-UK: soil moisture and weather                :func:`.cosmos_uk.read_cosmos_uk`
``cosore``         COSORE: soil respiration of chambers                :func:`.cosore.read_cosore`
``davos``          Davos (CH-Dav), the record of ``jules-ml demo``     :func:`.davos.read_davos`
``eddypro``        EddyPro: full output and biomet output              :class:`.eddypro.EddyproRecord`
``fluxnet``        FLUXNET2015, AmeriFlux-FLUXNET and ICOS towers      :func:`.fluxnet.read_fluxnet`
``icos_etc``       ICOS ETC level 2: METEO and FLUXES                  :class:`.icos_etc.IcosEtcRecord`
``ismn``           International Soil Moisture Network                  :func:`.ismn.read_ismn`
``jules_driving``  driving data of JULES, ASCII or netCDF              :func:`.jules.read_jules_driving`
``neon_driving``   hourly driving data of JULES runs at NEON towers    :func:`.neon.read_neon_driving`
``ozflux``         OzFlux netCDF of levels 3 to 6                      :func:`.ozflux.read_ozflux`
``reddyproc``      REddyProc and AsiaFlux text                         :class:`.reddyproc.ReddyprocRecord`
``table``          any CSV or Parquet table, with a column map         :func:`.table.read_table`
``toa5``           Campbell TOA5: tables of a data logger              :class:`.toa5.Toa5Record`
``uscrn``          USCRN daily stations                                :func:`.uscrn.read_uscrn`
=================  ==================================================  =========================================

Readers of other files:

- :func:`.jules.read_jules`: netCDF output of JULES;
- :func:`.column_output.read_output`: output of the soil column;
- :func:`.satellite_products.read_lst_product`, :func:`.satellite_products.read_swi_product`: point series of satellite products.

The modules of the readers are imported when they are used. Other packages register further readers under the entry-point group
``jules_ml.readers``; :func:`reader_names` lists all installed readers, and :func:`reader_section` returns the section of one.
"""

from jules_ml.data.record_section import Record, reader_names, reader_section

__all__ = ["Record", "reader_names", "reader_section"]
